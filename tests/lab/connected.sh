# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The connected side: a Debian 13 root with compilers, in which pgha is built and pgha-bundle runs, so that
# the installer links the target's libraries and pip runs on the target's Python.
#
#     lab_connected                     prints its root
#     connected_run [OPTION]... CMD...  runs a command in it, over an overlay: the root itself never changes
#         --bind PATH   a folder of this machine, at the same place, writable; --ro PATH: read-only
#         --env NAME    a variable that is passed on; all others stay outside
#         --cd PATH     where it runs; the source tree without
#
# The source tree is there read-only at its own path, and its build/ writable. The network is this machine's, with
# its certificates and pip settings. Mounts and processes live in namespaces that end with the command, and with
# the caller, however it ends.

[[ -z ${LAB_CONNECTED_SOURCED:-} ]] || return 0
LAB_CONNECTED_SOURCED=1
# shellcheck source=tests/lab/debian.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/debian.sh"

# What building and testing pgha needs, on any suite.
LAB_BUILD_PACKAGES=(build-essential pkg-config libcurl4-openssl-dev libarchive-dev libssl-dev librpm-dev libsolv-dev
	libsolvext-dev libyaml-dev libcmocka-dev zlib1g-dev libexpat1-dev rpm rpm-common createrepo-c gnupg openssl ca-certificates python3)
LAB_CONNECTED_PACKAGES=("${LAB_BUILD_PACKAGES[@]}" python3-pip python3-venv python3-dev git curl
	procps nginx-light)

lab_connected() {
	local entry
	entry=$(cache_build connected "$(lab_connected_key)" connected_build trixie "${LAB_CONNECTED_PACKAGES[@]}")
	printf '%s/root\n' "$entry"
}

lab_connected_key() { connected_key trixie "${LAB_CONNECTED_PACKAGES[@]}"; }
connected_key() { cache_key "$LAB_DIR"/{debian,connected}.sh "$@" "$(debian_mirror)"; }

connected_build() {
	local dir=$1 suite=$2
	shift 2
	debian_root "$dir/root" "$suite" "$@"
	mkdir "$dir/mnt"
}

connected_run() {
	local root
	root=$(lab_connected)
	root_run "$root" "$@"
}

# root_run ROOT [OPTION]... COMMAND...: see connected_run. Not in a condition, as everything here.
root_run() { (root_exec "$@"); }

# root_exec ROOT [OPTION]... COMMAND...: the same in place of this (sub)shell.
root_exec() {
	local root=$1 directory=$LAB_TOP binds=() keep=(TERM MAKEFLAGS) setting enter=$LAB_DIR/enter.sh
	shift
	mkdir -p "$LAB_TOP/build"
	binds=(--ro "$LAB_TOP" --bind "$LAB_TOP/build")
	[[ ! -d $LAB_TOP/../shared/data ]] || binds+=(--ro "$(cd "$LAB_TOP/.." && pwd)/shared/data")
	while [[ ${1:-} == --* ]]; do
		case $1 in
		--bind | --ro) binds+=("$1" "$(realpath -- "$2")") ;;
		--env) keep+=("$2") ;;
		--cd) directory=$2 ;;
		*) die "root_run: unknown option $1" ;;
		esac
		shift 2
	done
	# Settings may hold a password: they travel in the environment, never as arguments.
	while IFS= read -r setting; do
		export "${setting?}"
		keep+=("${setting%%=*}")
	done < <(pip_settings)
	LAB_CERTIFICATES=$(certificate_bundle)
	if [[ -n $LAB_CERTIFICATES ]]; then
		export LAB_CERTIFICATES
		for setting in PIP_CERT SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE; do
			export "$setting=/etc/ssl/certs/ca-certificates.crt"
			keep+=("$setting")
		done
	fi
	# Folders of wheels are carried along; what is no folder is an address.
	for setting in ${PIP_FIND_LINKS:-}; do
		[[ ! -d $setting ]] || binds+=(--ro "$(realpath -- "$setting")")
	done
	root_environment "${keep[@]}"
	exec setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child \
		"$enter" "${root%/root}" "$directory" "${binds[@]}" -- "$@"
}

# root_environment NAME...: leaves these variables, and sets what every root has.
root_environment() {
	local name
	while IFS= read -r name; do
		[[ " $* LAB_CERTIFICATES " == *" $name "* ]] || unset "$name"
	done < <(compgen -e)
	export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
}
