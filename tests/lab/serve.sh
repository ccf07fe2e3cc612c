# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The lab's repositories over HTTPS on a free port of 127.0.0.1, by Debian's nginx from the connected root.
#
#     serve_start RUN    fills RUN/repos: ca.crt, url, lab.repo (stock yum format), client.crt and client.key (what
#                        baseos and appstream ask for), trust.yaml (the line of a bundle definition that pins the
#                        repositories' keys). Sets LAB_REPOS_URL and LAB_SERVE_PORT. A plain command of the script
#                        that needs it, never $(serve_start): the server ends with the shell that started it.
#     serve_stop RUN     ends it, also one whose starter was killed

[[ -z ${LAB_SERVE_SOURCED:-} ]] || return 0
LAB_SERVE_SOURCED=1
# shellcheck source=tests/lab/rpms.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/rpms.sh"
# shellcheck source=tests/lab/connected.sh
source "$LAB_DIR/connected.sh"

serve_start() {
	local run repos root port pid attempt
	mkdir -p "$1/repos"
	run=$(realpath -- "$1/repos")
	repos=$(lab_repos)
	root=$(lab_connected)
	serve_stop "$1"
	mkdir -p "$run/tmp"
	serve_certificates "$run"
	for attempt in 1 2 3; do
		port=$(serve_free_port)
		sed -e "s,@RUN@,$run,g" -e "s,@REPOS@,$repos,g" -e "s,@PORT@,$port,g" "$LAB_DIR/nginx.conf.in" >"$run/nginx.conf"
		root_exec "$root" --bind "$run" --ro "$repos" --cd / /usr/sbin/nginx -e "$run/error.log" -c "$run/nginx.conf" \
			</dev/null >"$run/nginx.log" 2>&1 &
		pid=$!
		disown "$pid" # its end is serve_stop's, and no news
		printf '%s %s\n' "$pid" "$(serve_start_time "$pid")" >"$run/pid"
		export LAB_SERVE_PORT=$port LAB_REPOS_URL=https://127.0.0.1:$port
		if serve_answers "$pid" "$run"; then
			printf '%s\n' "$LAB_REPOS_URL" >"$run/url"
			serve_mirrors "$run" "$repos"
			serve_repo_file "$run" "$repos" >"$run/lab.repo"
			sed 's/: \(.*\)/: [\1]/' "$repos/fingerprints.yaml" | paste -sd, | sed 's/.*/trust: {&}/; s/,/, /g' >"$run/trust.yaml"
			log "repositories at $LAB_REPOS_URL (CA $run/ca.crt)"
			return
		fi
		serve_stop "$1"
		log "the web server did not start on port $port (attempt $attempt of 3)"
	done
	cat "$run/nginx.log" >&2
	die "the web server does not start: see $run/error.log"
}

serve_stop() {
	local pid started
	[[ -s $1/repos/pid ]] || return 0
	read -r pid started <"$1/repos/pid"
	rm -f "$1/repos/pid"
	[[ $(serve_start_time "$pid") == "$started" ]] || return 0
	kill -KILL "$pid" # its namespace of processes ends with it
	while [[ $(serve_start_time "$pid") == "$started" ]]; do sleep 0.02; done
}

# serve_start_time PID: empty when there is no such process, or when it is dead. With the number it names one
# process for ever.
serve_start_time() {
	[[ -r /proc/$1/stat ]] || return 0
	sed -n 's/^.*) //p' "/proc/$1/stat" 2>/dev/null | awk '$1 != "Z" { print $20 }'
}

serve_answers() {
	local pid=$1 run=$2 tries
	for ((tries = 0; tries < 200; tries++)); do
		[[ -n $(serve_start_time "$pid") ]] || return 1
		! curl --silent --fail --noproxy '*' --cacert "$run/ca.crt" --output /dev/null \
			"$LAB_REPOS_URL/pub/x86_64/pgdg17/repodata/repomd.xml" || return 0
		sleep 0.05
	done
	return 1
}

serve_free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

serve_certificates() {
	local run=$1 name
	(
		cd "$run"
		umask 077
		serve_key ca
		openssl req -x509 -new -key ca.key -sha256 -days 7 -subj "/O=pgha lab/CN=repositories CA" \
			-addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign" -out ca.crt
		serve_issue server serverAuth "subjectAltName=IP:127.0.0.1,DNS:localhost"
		serve_issue client clientAuth "subjectAltName=DNS:build-host"
		rm ca.key
		for name in ca server client; do chmod 0644 "$name.crt"; done
	)
}

serve_key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }

# serve_issue NAME USAGE EXTENSION: a certificate of the CA in this folder.
serve_issue() {
	serve_key "$1"
	openssl req -new -key "$1.key" -subj "/O=pgha lab/CN=$1" -out "$1.csr"
	printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\n%s\n' "$2" "$3" >"$1.ext"
	quietly "openssl x509" openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -sha256 -days 7 \
		-extfile "$1.ext" -out "$1.crt"
	rm "$1.csr" "$1.ext" ca.srl
}

# A port that nothing listens on: of the first mirror of each list.
SERVE_DEAD=https://127.0.0.1:1

# serve_mirrors RUN REPOS: a metalink, as EPEL's, and a mirrorlist, as CentOS's. The second mirror is this server, the third this
# server under another name.
serve_mirrors() {
	local run=$1 repos=$2 urls
	mkdir -p "$run/mirrors"
	urls=({$SERVE_DEAD,$LAB_REPOS_URL,https://localhost:$LAB_SERVE_PORT}/pub/x86_64)
	"$LAB_DIR/traits.py" metalink "$repos/pgdg-rhel8-extras/repodata/repomd.xml" "${urls[@]/%//pgdg-rhel8-extras}" \
		>"$run/mirrors/pgdg-rhel8-extras.xml"
	printf '%s\n' "${urls[@]/%//pgdg-common/}" >"$run/mirrors/pgdg-common.list"
}

# serve_repo_file RUN REPOS: RHEL's repositories want the client certificate; PGDG's are open, and told in three ways.
serve_repo_file() {
	local run=$1 repos=$2 repository vendor
	for repository in "${LAB_REPOSITORIES[@]}"; do
		vendor=${LAB_VENDOR[$repository]}
		printf '[%s]\nname=Lab %s\nenabled=1\ngpgcheck=1\n' "$repository" "$repository"
		printf 'gpgkey=file://%s/keys/RPM-GPG-KEY-lab-%s.asc\n' "$repos" "$vendor"
		printf 'sslverify=1\nsslcacert=%s/ca.crt\n' "$run"
		serve_place "$run" "$repository"
		printf '\n'
	done
}

serve_place() { # RUN REPOSITORY
	# shellcheck disable=SC2016 # yum's variable
	case $2 in
	pgdg17) printf 'baseurl=%s/pub/$basearch/%s/\nrepo_gpgcheck=1\n' "$LAB_REPOS_URL" "$2" ;;
	pgdg-common) printf 'mirrorlist=%s/mirrors/%s.list\n' "$LAB_REPOS_URL" "$2" ;;
	pgdg-rhel8-extras)
		printf 'metalink=%s/mirrors/%s.xml\nincludepkgs=etcd,haproxy\n' "$LAB_REPOS_URL" "$2"
		;;
	*)
		printf 'baseurl=%s/entitled/$basearch/%s/\n' "$LAB_REPOS_URL" "$2"
		printf 'sslclientcert=%s/client.crt\nsslclientkey=%s/client.key\n' "$1" "$1"
		;;
	esac
}
