#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A password that the running cluster holds: what pgha-install makes of a bundle in which it changed, in a root of its own.
# shellcheck disable=SC2317 # functions are called through expect
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

for tool in rpmbuild createrepo_c "python3 -m pip"; do
	# shellcheck disable=SC2086 # a program, or one with arguments
	$tool --version >/dev/null 2>&1 || { skip "a changed password" "$tool is not installed"; finish; }
done
((EUID == 0)) || { skip "a changed password" "an installation needs root"; finish; }

umask 022
s=$work/s
if ! "$root/tests/cli/make_bundle.sh" "$s" 0 >"$work/scene.log" 2>&1; then
	not_ok "packages and definition are made" "$(<"$work/scene.log")"
	finish
fi
export PIP_NO_INDEX=1 PIP_FIND_LINKS=$s/wheels
cd "$s" || exit 1

# alpha's own password is changed by a step, beta's by hand; alpha has beta's in its files too.
cat >>services/alpha/service.yaml <<'YAML'
    held: {change: new password}
  - {name: BETA_PASSWORD, secret: true}
once:
  - {name: new password, unless: [/bin/true], exec: [/bin/false]}
YAML
sed -i 's/  - {name: ALPHA_PASSWORD, secret: true}/  - name: ALPHA_PASSWORD\n    secret: true/' services/alpha/service.yaml
sed -i "s/BETA_PASSWORD, secret: true}/BETA_PASSWORD, secret: true, held: {by_hand: {fr: 'dire bêta', en: 'say beta'}}}/" services/beta/service.yaml
"$bundle" keys init --out keys >/dev/null 2>&1
for node in one two; do sed -n "s/^$node=//p" passphrases >"passphrase.$node"; done
chmod 600 passphrase.*

build() { # NUMBER
	"$bundle" build -f bundle.yaml --keys keys --passphrases passphrases --cache cache -o "out.$1" || return
	mv "out.$1"/pgha-*.tar "$1.tar"
}
# libsolv forgets a string of its own (tests/lsan.supp), which only whole stacks show; with these PBKDF2, which allocates in each
# round, would take minutes.
{ cat "$root/tests/lsan.supp"; echo leak:libsolv.so; } >"$work/lsan.supp"
put() { # NODE NUMBER [OPTION…]
	LSAN_OPTIONS=suppressions=$work/lsan.supp:print_suppressions=0 "$install" --node "$1" --bundle "$2.tar" --ca keys/ca.crt --passphrase-file "passphrase.$1" --root "$work/$1" "${@:3}"
}
rotate() { "$bundle" secrets rotate -f bundle.yaml "$1" >/dev/null 2>&1 && build "$2" >/dev/null 2>&1; }
# rpm touches the shared memory of its database whenever it reads that.
inventory() { (cd "$work/$1" && find . ! -name 'rpmdb.sqlite-shm' ! -path './var/lib/pgha/staging*' ! -path ./var/lib/pgha -printf '%p %s %T@ %m\n' | LC_ALL=C sort); }
# unchanged NAME NODE BEFORE
unchanged() { if [[ $3 == "$(inventory "$2")" ]]; then ok "$1"; else not_ok "$1" "$(diff <(echo "$3") <(inventory "$2"))"; fi; }
# present FILE TEXT
present() { if grep -q -- "$2" "$1"; then ok "${1##*/} has $2"; else not_ok "${1##*/} has $2" "$(<"$1")"; fi; }

expect "a bundle is built" 0 "" build 1
for node in one two; do
	mkdir -p "$work/$node/etc"
	echo root:x:0:0::/root:/bin/sh >"$work/$node/etc/passwd"
	echo root:x:0: >"$work/$node/etc/group"
done
expect "node one is installed" 0 "" put one 1
expect "node two is installed" 0 "" put two 1
memory=$work/one/var/lib/pgha/secrets
if [[ $(stat -c %a "$memory") == 600 ]]; then ok "what it remembers is root's alone"; else not_ok "what it remembers is root's alone" "$(ls -l "$memory")"; fi
if (($(grep -c ' pbkdf2-sha256:' "$memory") == 2)) && ! grep -rqF 'the password of' "$work/one/var/lib/pgha"; then
	ok "and no password"
else
	not_ok "and no password" "$(<"$memory")" "$(grep -rlF 'the password of' "$work/one/var/lib/pgha")"
fi

rotate BETA_PASSWORD 2
for node in one two; do
	before=$(inventory $node)
	expect "a change without a step is refused on node $node" 3 \
		"'BETA_PASSWORD' changed, and the running cluster (service 'beta') holds the old value" put $node 2
	if [[ $err == *"by hand: say beta"*"dire bêta"* && $err == *"--accept-change BETA_PASSWORD"* ]]; then
		ok "with what to do"
	else
		not_ok "with what to do" "$err"
	fi
	unchanged "and nothing is changed" $node "$before"
	expect "the plan says so too" 3 "'BETA_PASSWORD' changed" put $node 2 --dry-run
done
expect "what nobody declared cannot be accepted" 2 "no service of this bundle has a secret 'GAMMA'" put two 2 --accept-change GAMMA
expect "another's acceptance does not count" 3 "'BETA_PASSWORD' changed" put two 2 --accept-change ALPHA_PASSWORD
expect "what was done by hand is accepted" 0 "change file /etc/beta.conf" put two 2 --accept-change BETA_PASSWORD
present "$work/two/var/lib/pgha/journal" "begin accept-change BETA_PASSWORD"
expect "and remembered" 0 "nothing to do" put two 2
expect "the other node needs the same word" 3 "'BETA_PASSWORD' changed" put one 2
expect "and gets it" 0 "" put one 2 --accept-change BETA_PASSWORD

rotate ALPHA_PASSWORD 3
expect "a change with a step is announced" 0 "ALPHA_PASSWORD changes, and the running cluster holds it" put one 3 --dry-run
if [[ $out == *"alpha: new password"* ]]; then ok "and planned"; else not_ok "and planned" "$out"; fi
expect "and installed" 0 "change file /etc/alpha.conf" put one 3
present "$memory" '^ALPHA_PASSWORD pbkdf2-sha256:[^ ]* changing$'
finish
