# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Debian roots of any suite, made with this machine's mirror and its ways of reaching it.

[[ -z ${LAB_DEBIAN_SOURCED:-} ]] || return 0
LAB_DEBIAN_SOURCED=1
# shellcheck source=tests/lab/common.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

DEBIAN_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# quietly NAME COMMAND...: COMMAND's messages are shown when it fails, the last forty lines of them.
quietly() {
	local name=$1 messages
	shift
	messages=$(mktemp)
	if ! "$@" >"$messages" 2>&1; then
		tail -n 40 "$messages" >&2
		rm -f "$messages"
		die "$name failed: its last messages are above"
	fi
	rm -f "$messages"
}

# debian_root DIR SUITE PACKAGE...: the essential packages of SUITE, and PACKAGE... with all that they depend on.
# No package lists and nothing of this machine's settings stay behind, nor documentation and translations.
# mmdebstrap binds /dev/shm and others of this machine into the root: in a mount namespace of its own, so that no
# kill can leave them there, for a later clean-up to walk into.
debian_root() {
	local dir=$1 suite=$2 settings include
	shift 2
	need_commands mmdebstrap
	settings=$(mktemp)
	apt_acquire_options >"$settings"
	include=$(IFS=,; printf '%s' "$*")
	quietly mmdebstrap setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child \
		--mount-proc env --chdir=/ mmdebstrap --mode=root --format=directory --variant=essential \
		--keyring="$DEBIAN_KEYRING" --aptopt="$settings" --include="$include" \
		"$suite" "$dir" "deb $(debian_mirror) $suite main"
	rm -f "$settings" "$dir/etc/apt/apt.conf.d/99mmdebstrap" "$dir/etc/resolv.conf" "$dir/etc/hostname"
	rm -rf "$dir"/usr/share/{man,info,locale,lintian,bug,doc-base}/*
	find "$dir/usr/share/doc" -mindepth 2 ! -type d ! -name copyright -delete
}

# debian_apt_config DIR SUITE ROOT: prints the path of a configuration for APT_CONFIG: a state of apt's own below
# DIR with fresh lists of SUITE, over what is installed in ROOT.
debian_apt_config() {
	local dir=$1 suite=$2 root=$3
	mkdir -p "$dir"/{etc/apt/apt.conf.d,etc/apt/preferences.d,state/lists/partial,cache/archives/partial}
	printf 'deb [signed-by=%s] %s %s main\n' "$DEBIAN_KEYRING" "$(debian_mirror)" "$suite" >"$dir/etc/apt/sources.list"
	{
		apt_acquire_options
		cat <<-CONF
			Dir::Etc "$dir/etc/apt";
			Dir::Etc::netrc "/etc/apt/auth.conf";
			Dir::Etc::netrcparts "/etc/apt/auth.conf.d";
			Dir::State "$dir/state";
			Dir::State::status "$root/var/lib/dpkg/status";
			Dir::Cache "$dir/cache";
			APT::Architecture "amd64";
			APT::Architectures { "amd64"; };
			APT::Sandbox::User "root";
			Acquire::Languages "none";
		CONF
	} >"$dir/apt.conf"
	APT_CONFIG=$dir/apt.conf quietly "apt-get update" apt-get update
	printf '%s\n' "$dir/apt.conf"
}
