#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whatever surrounds an installation (umask, HOME, limits), the same comes of it, or it says why and leaves nothing.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

for tool in rpmbuild rpmsign createrepo_c gpg; do
	command -v "$tool" >/dev/null || {
		skip "an installation's surroundings" "$tool is not here"
		exit 0
	}
done
((EUID == 0)) || {
	skip "an installation's surroundings" "an installation needs root"
	exit 0
}
umask 022
scene=$work/scene
"$root/tests/cli/make_bundle.sh" "$scene" 1 >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
sed -i '/^wheels:/d' "$scene/bundle.yaml"
printf 'directories:\n' >>"$scene/services/alpha/service.yaml"
printf '  - {path: %s, owner: root, group: root, mode: "0755"}\n' /srv/alpha /srv/alpha/data >>"$scene/services/alpha/service.yaml"
"$bundle" keys init --out "$scene/keys" >/dev/null 2>&1
"$bundle" build -f "$scene/bundle.yaml" --keys "$scene/keys" --passphrases "$scene/passphrases" --cache "$work/cache" -o "$work/medium" \
	>"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
(umask 077 && sed -n 's/^one=//p' "$scene/passphrases" >"$work/passphrase")
target=$work/root
# Of all that pgha-install makes: kind, mode, owner, name.
listing() { (cd "$target" && find . \( -path ./var/lib/rpm -o -path './var/lib/pgha/*' \) -prune -o -printf '%y %m %u %g %p\n' | sort -k 5); }

# installed COMMAND...: in a new root, with COMMAND before it.
# shellcheck disable=SC2317 # called through expect
installed() {
	rm -rf "$target"
	mkdir -p "$target/etc"
	echo root:x:0:0::/: >"$target/etc/passwd"
	echo root:x:0: >"$target/etc/group"
	"$@" "$install" --node one --root "$target" --ca "$scene/keys/ca.crt" --passphrase-file "$work/passphrase" --bundle "$work/medium"
}
# shellcheck disable=SC2317 # likewise
in_shell() { bash -c "$1; exec \"\$@\"" "$@"; }

expect "an installation" 0 "sequence 1" installed env
usual=$(listing)
same() { # NAME COMMAND...
	expect "$1" 0 "sequence 1" installed "${@:2}"
	if [[ -n $usual && $(listing) == "$usual" ]]; then ok "and the same comes of it"; else
		not_ok "and the same comes of it" "$(diff <(echo "$usual") <(listing))"
	fi
}
for mask in 000 077 777; do same "with umask $mask" in_shell "umask $mask"; done

# What a packager has in his home, and what would leave /opt out of every package.
mkdir -p "$work/home/.config/rpm"
printf '%%_dbpath /tmp/none\n%%_netsharedpath /opt\n%%_pkgverify_level none\n' >"$work/home/.rpmmacros"
cp "$work/home/.rpmmacros" "$work/home/.config/rpm/macros"
same "with macros of rpm in HOME" env HOME="$work/home"
same "with macros of rpm in XDG_CONFIG_HOME" env XDG_CONFIG_HOME="$work/home/.config"
same "with another configuration of rpm" env RPM_CONFIGDIR="$work/home"
same "without an environment" env -i

# A root that somebody else made may hold links where pgha-install keeps what it knows.
expect "an installation to look at" 0 "sequence 1" installed env
mv "$target/var/lib/pgha/bundles" "$work/elsewhere"
ln -s "$work/elsewhere" "$target/var/lib/pgha/bundles"
expect "nothing is kept behind a link" 6 "'$target/var/lib/pgha/bundles' is a symbolic link" "$install" uninstall --node one --root "$target"
one_line "and it is told in one line"
rm "$target/var/lib/pgha/bundles"
mv "$work/elsewhere" "$target/var/lib/pgha/bundles"
touch "$target/srv/alpha/data/precious"
expect "data goes where its directory is named" 0 "remove /srv/alpha with all that is in it" \
	"$install" uninstall --node one --root "$target" --remove-data /srv/alpha
if [[ $out != *stays:* && ! -e $target/srv/alpha ]]; then ok "and no part of it is said to stay"; else not_ok "and no part of it is said to stay" "$out"; fi

expect "a limit of the size of files" 1 "File too large" installed in_shell 'ulimit -f 1'
one_line "is told in one line"
if [[ $(listing) != *pgha* || -z $(ls -A "$target/var/lib/pgha") ]]; then ok "and leaves nothing"; else not_ok "and leaves nothing" "$(listing)"; fi
finish
