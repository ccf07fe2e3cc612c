#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Many requests beside stock dnf: every form, with and without weak dependencies, module streams by default, disabled and enabled, an
# empty root and a baseline; and what was chosen is closed in itself. Each process reads the metadata once.
# shellcheck source=oracle.sh
. "$(dirname "$0")/oracle.sh"

# What must be the same on CentOS Stream 9: a request a line, its packages with tabs between.
requests_cs9() {
	printf '%b\n' haproxy python3.11 python3.12 keepalived 'haproxy\tkeepalived\tpython3.12' bash glibc dnf openssl-libs \
		kernel kernel-core systemd git nginx postgresql postgresql-server postgresql-contrib mariadb redis nodejs ruby php \
		'nginx\tredis' 'python3.11-pip\tpython3.12-pip' vim-enhanced chrony podman container-selinux firefox java-17-openjdk \
		haproxy.x86_64 glibc.i686 haproxy-2.4.17 haproxy-2.4.22-1.el9 haproxy-0:2.4.22-3.el9.x86_64 python3.11-3.11.9-5.el9.x86_64 \
		haproxy-9 'haproxy = 2.4.17-4.el9' 'haproxy < 2.4.20' 'python3.11 <= 3.11.9-5.el9' 'haproxy >= 3' 'kernel > 5.0' \
		'postgresql-server >= 15' 'libc.so.6()(64bit)' 'libpq.so.5()(64bit)' 'libcrypto.so.3()(64bit)' webserver smtpdaemon \
		'config(haproxy)' 'python3dist(pip)' /usr/bin/git /usr/sbin/haproxy /usr/bin/etcdctl /usr/share/doc/bash/README \
		/usr/lib64/libssl.so.3 '*/bin/podman' '/usr/sbin/kee*' 'python3.1?' 'haproxy*' 'glibc.*' 'glibc-minimal-langpack.x86*' \
		'lib*.so.6()(64bit)' 'openssl-l*' nosuchpackage 'no such package' 'bash\tnosuchpackage' selinux-policy-targeted rsyslog \
		texlive-latex gnome-shell cockpit-composer rust-lldb
}
requests_groups() {
	printf '%b\n' @core @Core @network-server @ruby-runtime '@ftp-server' '@ftp-server/mandatory' '@legacy-unix/optional' \
		'@legacy-unix/mandatory,optional' '@scientific/optional' '@minimal-environment' @nosuchgroup '@*-server' \
		'@guest-agents\thaproxy' '@"Mail Server"' '@Mail Server' '@debugging/mandatory,default,optional'
}
requests_lab() {
	printf '%b\n' etcd postgresql17-server haproxy pgbouncer keepalived patroni postgresql-server postgresql postgresql17 \
		'etcd\tpostgresql17-server\thaproxy\tpgbouncer\tpython3.13\tkeepalived' bash glibc openssl-libs curl \
		'postgresql17 >= 17' 'postgresql17-server > 99' 'libpq.so.5()(64bit)' /usr/bin/etcdctl /usr/bin/psql /usr/sbin/haproxy \
		/usr/share/doc/haproxy/copyright 'postgresql*' 'pgbouncer-1*' 'haproxy.x86_64' 'etcd = 1' nosuchpackage
}

streams() { # YAML OPTION…: what both sides are told of module streams
	stream_line=$1
	shift
	stream_options=("$@")
}

# every_way NAME REQUESTS PLATFORM RELEASEVER 'LINE OF YAML' OPTION…: default streams, none, and those of the line and the options
every_way() {
	local name=$1 file=$2 platform=$3 releasever=$4 line=$5
	shift 5
	streams ''
	same_answers "$name, default streams" "$file" false "$platform" "$releasever"
	same_answers "$name, default streams, weak_deps" "$file" true "$platform" "$releasever"
	streams 'modules: {disable: ["*"]}' --disable '*'
	same_answers "$name, no streams" "$file" false "$platform" "$releasever"
	streams "$line" "$@"
	same_answers "$name, enabled streams" "$file" false "$platform" "$releasever"
	same_answers "$name, enabled streams, weak_deps" "$file" true "$platform" "$releasever"
	streams ''
}

# --- real metadata ---
app=$data/repodata/cs9-appstream-osbuild
base=$data/repodata/cs9-baseos-osbuild-images
if [[ ! -d $app || ! -d $base ]]; then
	skip "CentOS Stream 9" "$data/repodata is not here"
elif grep -q __asan_init "$bundle"; then
	# libsolv grows its arrays by reallocating them, which AddressSanitizer makes eighty times as slow.
	skip "CentOS Stream 9" "not under AddressSanitizer; the lab's repositories are"
else
	repositories appstream "$app" baseos "$base"
	requests_cs9 >"$work/requests"
	every_way "CentOS Stream 9" "$work/requests" platform:el9 9 \
		'modules: {enable: ["postgresql:16", "nodejs:20", "nginx:1.24", "php:8.2", "redis:7", "mariadb:10.11"]}' \
		--enable postgresql:16 --enable nodejs:20 --enable nginx:1.24 --enable php:8.2 --enable redis:7 --enable mariadb:10.11
	requests_groups >"$work/groups"
	same_answers "CentOS Stream 9, groups" "$work/groups" true platform:el9 9
	{
		"$root/tests/cli/random_requests.py" names 20 20 "$app" "$base"
		"$root/tests/cli/random_requests.py" forms 20 20 "$app" "$base"
	} >"$work/random"
	same_answers "CentOS Stream 9, random requests" "$work/random" false platform:el9 9

	# A host with older versions of what will be asked for.
	choose "$work/host" platform:el9 haproxy-2.4.17-4.el9 python3.11-3.11.9-4.el9 dnf
	make_host "$work/host" "$app" "$base"
	same_answers "CentOS Stream 9 over a baseline" "$work/requests" false platform:el9 9
	same_answers "CentOS Stream 9 over a baseline, weak_deps true" "$work/requests" true platform:el9 9
	same_answers "CentOS Stream 9 over a baseline, groups" "$work/groups" false platform:el9 9
	# The plain list has all that this host's inventory has, but for files beyond primary.xml.
	cp "$work/host" "$host_inventory"
	same_answers "CentOS Stream 9 over a plain list" "$work/requests" false platform:el9 9
	host_inventory=
	# Builds of modules without modules.yaml, a modules.yaml without its module, releases of RHEL mixed.
	repositories appstream "$app" baseos "$base" alma "$data/repodata/alma8.8-idm-closure" pigsty "$data/repodata/pigsty-pgsql-el8"
	"$root/tests/cli/random_requests.py" forms 20 20 "$data"/repodata/{alma8.8-idm-closure,pigsty-pgsql-el8} >"$work/random"
	same_answers "four repositories, random requests" "$work/random" true platform:el9 9
	repositories appstream "$app" baseos "$base"
	closed "the closure of haproxy, keepalived, python3.12" platform:el9 "$app" "$base" -- haproxy keepalived python3.12
fi

# --- the lab's repositories, where they have been built ---
if [[ ! -d $lab_repos/baseos/repodata ]]; then
	skip "the lab's repositories" "not built here: make demo builds them"
else
	lab=("$lab_repos"/{baseos,appstream,pgdg17,pgdg-common,pgdg-rhel8-extras})
	repositories baseos "${lab[0]}" appstream "${lab[1]}" pgdg17 "${lab[2]}" pgdg-common "${lab[3]}" pgdg-rhel8-extras "${lab[4]}"
	requests_lab >"$work/requests"
	every_way "the lab" "$work/requests" platform:el8 8 'modules: {enable: ["postgresql:13"]}' --enable postgresql:13
	streams 'modules: {disable: [postgresql]}' --disable postgresql
	choose "$work/host" platform:el8 bash openssl-libs
	make_host "$work/host" "${lab[@]}"
	same_answers "the lab over a baseline" "$work/requests" false platform:el8 8
	host_inventory=
	closed "the closure of the lab's services" platform:el8 "${lab[@]}" -- etcd postgresql17-server haproxy pgbouncer keepalived
fi
finish
