# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What every part of the lab shares: messages, step times, the cache, disk space, and what this machine says
# about its Debian mirror and its Python index. Sourced, never run.
#
# Results go to stdout, all else to stderr. Functions here rely on errexit: call them as plain commands or as
# x=$(function), never in a condition (`if f`, `f ||`), where bash switches errexit off for all that f calls.

[[ -z ${LAB_COMMON_SOURCED:-} ]] || return 0
LAB_COMMON_SOURCED=1

set -Eeuo pipefail
shopt -s inherit_errexit
umask 022

LAB_DIR=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
LAB_TOP=$(cd -- "$LAB_DIR/../.." && pwd)
PGHA_CACHE=${PGHA_CACHE:-/var/cache/pgha}
export LAB_DIR LAB_TOP PGHA_CACHE

log() { printf 'lab: %s\n' "$*" >&2; }
die() {
	printf 'lab: %s\n' "$*" >&2
	exit 1
}

# need_commands NAME...: all of them at once, so that one `make deps` mends it.
need_commands() {
	local name missing=()
	for name; do
		command -v "$name" >/dev/null || missing+=("$name")
	done
	((${#missing[@]} == 0)) || die "commands not found: ${missing[*]} (make deps installs them)"
}

need_root() { ((EUID == 0)) || die "the lab needs root: sudo make ${1:-demo}"; }

# step NAME COMMAND...: runs COMMAND here (not in a subshell), then says how long it took. With LAB_TIMES set,
# the line "SECONDS<TAB>NAME" is appended to that file too.
step() {
	local name=$1 from=$EPOCHREALTIME to seconds
	shift
	log "$name ..."
	"$@"
	to=$EPOCHREALTIME
	seconds=$(((${to/[.,]/} - ${from/[.,]/}) / 100000))
	printf -v seconds '%d.%d' $((seconds / 10)) $((seconds % 10))
	log "$name: $seconds s"
	[[ -z ${LAB_TIMES:-} ]] || printf '%s\t%s\n' "$seconds" "$name" >>"$LAB_TIMES"
}

# --- the cache ---------------------------------------------------------------------------------------------

# cache_key ITEM...: SHA-256 over the items; an item that is a file counts with its content, any other as the
# string that it is. Files count under their last name, so that a checkout's place does not matter.
cache_key() {
	local item
	for item; do
		if [[ -f $item ]]; then
			printf 'file %s %s\n' "${item##*/}" "$(sha256sum <"$item" | cut -d' ' -f1)"
		else
			printf 'text %s\n' "$item"
		fi
	done | sha256sum | cut -d' ' -f1
}

cache_path() { printf '%s/%s-%s\n' "$PGHA_CACHE" "$1" "${2:0:32}"; }

# cache_build NAME KEY FUNCTION [ARG...]: prints the entry's path. When it is not there, FUNCTION DIR ARG...
# fills a new directory, which is renamed into place once complete. One builder at a time for each NAME; the
# lock's descriptor is closed for FUNCTION, so that nothing it leaves running can hold the lock.
cache_build() {
	local name=$1 key=$2 function=$3 entry tmp old lock
	shift 3
	entry=$(cache_path "$name" "$key")
	mkdir -p "$PGHA_CACHE"
	if [[ ! -d $entry ]]; then
		exec {lock}>"$PGHA_CACHE/.$name.lock"
		flock "$lock"
		for old in "$PGHA_CACHE/.$name.tmp."*; do
			[[ ! -d $old ]] || remove_tree "$old"
		done
		if [[ ! -d $entry ]]; then
			tmp=$(mktemp -d "$PGHA_CACHE/.$name.tmp.XXXXXX")
			chmod 0755 "$tmp"
			(
				exec {lock}>&-
				step "build $name" "$function" "$tmp" "$@" >&2
			)
			mv -T "$tmp" "$entry"
			cache_prune "$name"
		fi
		exec {lock}>&-
	fi
	touch "$entry" # its last use, for cache_prune
	printf '%s\n' "$entry"
}

# remove_tree DIR: never through a mount. --one-file-system alone does not see a bind mount of the same file system,
# nor does it keep what is mounted from elsewhere at the top.
remove_tree() {
	local dir
	dir=$(realpath -- "$1")
	if awk -v dir="$dir/" 'index($5 "/", dir) == 1 { found = 1 } END { exit !found }' /proc/self/mountinfo; then
		die "something is mounted below $dir: nothing was removed; unmount it first"
	fi
	rm -rf --one-file-system -- "$dir"
}

# cache_prune NAME: keeps the two entries that were used last, and whatever was used within two hours: another
# run may stand on it. Its caller holds the lock of NAME.
cache_prune() {
	local entry
	find "$PGHA_CACHE" -maxdepth 1 -type d -regextype posix-extended \
		-regex ".*/$1-[0-9a-f]{32}" -printf '%T@ %p\n' | sort -rn | tail -n +3 | cut -d' ' -f2- |
		while IFS= read -r entry; do
			[[ -z $(find "$entry" -maxdepth 0 -mmin +120) ]] || remove_tree "$entry"
		done
}

# --- disk space ------------------------------------------------------------------------------------------

# need_disk DIRECTORY MIB WHAT: DIRECTORY need not exist yet.
need_disk() {
	local dir=$1 need=$2 what=$3 free
	while [[ ! -d $dir ]]; do dir=$(dirname -- "$dir"); done
	free=$(($(stat -f -c '%a * %S' -- "$dir") / 1048576))
	((free >= need)) ||
		die "$what needs $need MiB below $1 and $free MiB are free: $((need - free)) MiB missing (PGHA_CACHE=DIR chooses another place)"
}

# --- what this machine says about its mirror and index -------------------------------------------------------

# debian_mirror: the base address of the Debian archive that this machine uses. apt takes most of a second to say it,
# and each key of the cache holds it: lab_preflight keeps it in LAB_DEBIAN_MIRROR.
debian_mirror() {
	local uri=${LAB_DEBIAN_MIRROR:-}
	if [[ -n $uri ]]; then
		printf '%s\n' "$uri"
		return
	fi
	# shellcheck disable=SC2016 # apt's own variable
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
		awk '/\/debian\/?$/ && !seen { sub(/\/$/, ""); print; seen = 1 }')
	printf '%s\n' "${uri:-http://deb.debian.org/debian}"
}

# apt_acquire_options: this machine's own ways of reaching it (proxies, certificates), as apt.conf lines.
apt_acquire_options() {
	apt-config dump | awk '/^Acquire::(http|https|ftp|Retries|Check-Valid-Until|Check-Date|ForceIPv)/ && !/ "";$/'
}

# pip_settings: NAME=VALUE lines, the environment that gives pip this machine's settings: what its configuration
# files say (pip itself need not be here), and over it the variables that are set. Values may be addresses with a password:
# for files and environments, never for a command line or a log.
pip_settings() {
	python3 -c '
import configparser, os, sys
home = os.path.expanduser("~")
files = ["/etc/pip.conf", home + "/.pip/pip.conf", os.environ.get("XDG_CONFIG_HOME", home + "/.config") + "/pip/pip.conf",
         os.environ.get("PIP_CONFIG_FILE", "")]
found = {}
for file in files:
    config = configparser.RawConfigParser()
    config.read(file, encoding="utf-8")
    for section in ("global", "install", "download", "wheel"):
        for option, value in config.items(section) if config.has_section(section) else []:
            found["PIP_" + option.upper().replace("-", "_")] = " ".join(value.split())
for name, value in sorted(found.items()):
    print(f"{name}={value}")'
	env -0 | awk -v RS='\0' '/^(PIP_[A-Z_]*|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY)=/ && !/\n/'
}

# certificate_bundle: the CA bundle that this machine uses to reach addresses outside; empty when it has none.
certificate_bundle() {
	local file
	for file in "${PIP_CERT:-}" "${SSL_CERT_FILE:-}" "${REQUESTS_CA_BUNDLE:-}" "${CURL_CA_BUNDLE:-}" \
		/etc/ssl/certs/ca-certificates.crt; do
		if [[ -n $file && -f $file ]]; then
			printf '%s\n' "$file"
			return
		fi
	done
}
