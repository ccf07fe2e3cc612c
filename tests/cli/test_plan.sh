#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The plan of an installation: what it says, that it changes nothing, and that an installation can be held to it; files that were changed
# by hand and packages that are held, in a root of its own.
# shellcheck disable=SC2317 # functions are called through expect
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

for tool in rpmbuild createrepo_c "python3 -m pip"; do
	# shellcheck disable=SC2086 # a program, or one with arguments
	$tool --version >/dev/null 2>&1 || { skip "a plan" "$tool is not installed"; finish; }
done
((EUID == 0)) || { skip "a plan" "an installation needs root"; finish; }

umask 022
s=$work/s
for version in 2 3; do
	if ! "$root/tests/cli/make_bundle.sh" "$s$version" 0 16 "$version" >"$work/scene.log" 2>&1; then
		not_ok "packages and definition are made" "$(<"$work/scene.log")"
		finish
	fi
done
export PIP_NO_INDEX=1 PIP_FIND_LINKS=${s}2/wheels
"$bundle" keys init --out "$work/keys" >/dev/null 2>&1
printf 'workers = 4\n' >>"${s}2/services/alpha/templates/main"
printf 'workers = 8\n' >>"${s}3/services/alpha/templates/main"
sed -n 's/^one=//p' "${s}2/passphrases" >"$work/passphrase"
chmod 600 "$work/passphrase"
# The second bundle is of the same cluster, and its vendor another one.
build() { # VERSION
	"$bundle" build -f "$s$1/bundle.yaml" --keys "$work/keys" --passphrases "$s$1/passphrases" --cache "$work/cache" -o "$work/out" &&
		mv "$work"/out/pgha-*.tar "$work/$1.tar"
}
{ cat "$root/tests/lsan.supp"; echo leak:libsolv.so; } >"$work/lsan.supp"
export LSAN_OPTIONS=suppressions=$work/lsan.supp:print_suppressions=0
node=$work/one
run() { # VERSION [OPTION…]
	"$install" --node one --bundle "$work/$1.tar" --ca "$work/keys/ca.crt" --passphrase-file "$work/passphrase" --root "$node" \
		"${@:2}"
}
plan() { "$install" plan --node one --bundle "$work/$1.tar" --ca "$work/keys/ca.crt" --passphrase-file "$work/passphrase" --root "$node" "${@:2}"; }
# rpm touches the shared memory of its database whenever it reads that, a run makes STATE to lock it, and another root gets device nodes for
# as long as it is worked on.
inventory() { (cd "$node" && find . ! -path . ! -path ./var ! -path './var/lib*' -printf '%p %s %T@ %m\n' | LC_ALL=C sort); }
unchanged() { # NAME BEFORE
	if [[ $2 == "$(inventory)" ]]; then ok "$1"; else not_ok "$1" "$(diff <(echo "$2") <(inventory))"; fi
}
# The steps' lines are no part of the error.
one_error() { # NAME
	local lines
	lines=$(sed -n '/^pgha-install: /,$p' <<<"$err" | wc -l)
	if ((lines == 1)); then ok "$1"; else not_ok "$1" "$err"; fi
}
says() { # NAME TEXT
	if [[ $out == *"$2"* ]]; then ok "$1"; else not_ok "$1" "'$2' is not in:" "$out"; fi
}
silent() { # NAME TEXT
	if [[ $out$err != *"$2"* ]]; then ok "$1"; else not_ok "$1" "'$2' is in:" "$out" "$err"; fi
}

expect "a bundle is built" 0 "" build 2
expect "and its successor" 0 "" build 3
mkdir -p "$node/etc"
echo root:x:0:0::/root:/bin/sh >"$node/etc/passwd"
echo root:x:0: >"$node/etc/group"

before=$(inventory)
expect "the plan of a first installation" 0 "install alpha-1:2-1.noarch" plan 2
unchanged "changes nothing" "$before"
says "shows files" "    +workers = 4"
says "masks passwords" "    +password = ********"
says "shows certificates" "    + subject O=pgha, OU=alpha"
silent "no password is in it" "the password of"
silent "no private key is in it" "PRIVATE KEY"
digest=$(sed -n 's/^plan //p' <<<"$out")
first=$out
capture run 2 --dry-run
if [[ $first == "$out" ]]; then ok "a dry run says the same"; else not_ok "a dry run says the same" "$(diff <(echo "$first") <(echo "$out"))"; fi
capture plan 2 --json
first=$out
silent "no password is in JSON" "the password of"
if python3 -c 'import json, sys; plan = json.load(sys.stdin); sys.exit(plan["plan"] != sys.argv[1] or plan["packages"][0]["action"] != "install")' "$digest" <<<"$out"; then
	ok "JSON has the same digest"
else
	not_ok "JSON has the same digest" "$out"
fi
capture plan 2 --json
if [[ $first == "$out" ]]; then ok "two plans are equal"; else not_ok "two plans are equal" "$(diff <(echo "$first") <(echo "$out"))"; fi
expect "another plan is refused" 5 "the plan is another one than 000000000000" run 2 --plan "$(printf '0%.0s' {1..64})"
one_error "in one line"
unchanged "before anything is changed" "$before"
expect "a digest is one" 2 "--plan wants the digest" run 2 --plan now
expect "the plan that was reviewed is done" 0 "create file /etc/alpha.conf" run 2 --plan "$digest"
expect "and then there is nothing left" 0 "one: nothing to do" plan 2

sed -i 's/workers = 4/workers = 16/' "$node/etc/alpha.conf"
fpr=$(sed -n 's/^trust: {scene: \[\(.*\)\]}/\1/p' "${s}3/bundle.yaml")
expect "a file changed by hand is shown" 0 "    -workers = 16" plan 3 --accept-key "$fpr"
says "and kept" "  keep file /etc/alpha.conf"
silent "without its password" "the password of"
# What was reviewed with another mode.
plan_of_600() {
	chmod 600 "$node/etc/alpha.conf"
	run 3 --accept-key "$fpr" --plan "$digest"
	local status=$?
	chmod 666 "$node/etc/alpha.conf"
	return "$status"
}
chmod 666 "$node/etc/alpha.conf"
expect "a mode that opens it is an action" 0 "  narrow file /etc/alpha.conf (mode 0666 to 0640)" plan 3 --accept-key "$fpr"
digest=${out##*plan }
expect "of a plan that is the same again" 0 "plan $digest" plan 3 --accept-key "$fpr"
before=$(inventory)
expect "and another one than without it" 5 "the plan is another one" plan_of_600
unchanged "nothing is narrowed by a plan" "$before"
expect "by status too" 8 "/etc/alpha.conf: changed, and open to more than it should be" "$install" status --root "$node"
chmod 600 "$node/etc/alpha.conf"
expect "one that closes it is nobody's business" 0 "  keep file /etc/alpha.conf
" plan 3 --accept-key "$fpr"
chmod 644 "$node/etc/alpha.conf"
expect "the installation keeps it" 0 "kept /etc/alpha.conf, which was changed by hand" run 3 --accept-key "$fpr"
says "and takes from others what they may not read" "narrow file /etc/alpha.conf (mode 0644 to 0640)"
if [[ $(stat -c %a "$node/etc/alpha.conf") == 640 ]]; then ok "by its mode"; else not_ok "by its mode" "$(stat "$node/etc/alpha.conf")"; fi
if grep -q ' change narrow file /etc/alpha.conf (mode 0644 to 0640)' "$node/var/lib/pgha/journal"; then ok "and its journal"; else not_ok "and its journal"; fi
if grep -q 'workers = 16' "$node/etc/alpha.conf" && grep -q 'workers = 8' "$node/etc/alpha.conf.pgha-new"; then
	ok "with the new one beside"
else
	not_ok "with the new one beside" "$(grep . "$node"/etc/alpha.conf*)"
fi
expect "status tells it" 8 "--take-ours" "$install" status --root "$node"
before=$(inventory)
expect "a second run changes nothing" 0 "one: nothing to do" run 3
unchanged "no file's time either" "$before"
expect "a file cannot be taken and kept" 2 "is named with --take-ours and with --keep-theirs" run 3 --take-ours /etc/alpha.conf --keep-theirs /etc/alpha.conf
one_error "in one line"
for key in zz "$fpr,zz" "${fpr}0" "$fpr,"; do
	expect "no fingerprint: '${key#"$fpr"}'" 2 "is no fingerprint: 40 hexadecimal digits" run 3 "--accept-key=$key"
done
expect "a path that nobody has is refused" 2 "neither does the bundle have a file '/etc/nobody'" run 3 --take-ours /etc/nobody
expect "the bundle's is taken" 0 "remove /etc/alpha.conf.pgha-new" run 3 --take-ours /etc/alpha.conf
expect "and all is as installed" 0 "" "$install" status --root "$node"

expect "back to the first bundle" 0 "put back alpha-1:2-1.noarch" "$install" rollback --node one --root "$node"
mkdir -p "$node/etc/dnf/plugins"
echo 'alpha-1:2-1.*' >"$node/etc/dnf/plugins/versionlock.list"
expect "a package that is held stays" 4 "the bundle needs 'alpha-1:3-1.noarch' in place of 'alpha-1:2-1.noarch', and dnf's configuration" run 3
one_error "in one line"
rm -r "$node/etc/dnf"
rm -r "$node"/var/lib/pgha/bundles/1
expect "what cannot be undone is said" 0 "alpha-1:2-1.noarch goes: no kept bundle has it" plan 3
expect "and wants a word" 6 "cannot be undone" run 3
expect "which it gets" 0 "upgrade alpha-1:3-1.noarch" run 3 --accept-irreversible

# A dry run that was killed leaves its directory; the next run, whatever it is, takes it away, and not that of one that lives.
export TMPDIR=$work/tmp
mkdir -p "$TMPDIR/pgha-plan-killed" "$TMPDIR/pgha-plan-living" "$TMPDIR/pgha-other-000000"
exec 9<"$TMPDIR/pgha-plan-living"
flock 9
expect "a run after a killed one" 0 "nothing to do" run 3
if [[ ! -e $TMPDIR/pgha-plan-killed && -e $TMPDIR/pgha-plan-living && -e $TMPDIR/pgha-other-000000 ]]; then
	ok "removes what that left"
else
	not_ok "removes what that left" "$(ls "$TMPDIR")"
fi
exec 9<&-
expect "a plan removes its own" 0 "nothing to do" plan 3
if [[ $(ls "$TMPDIR") == pgha-other-000000 ]]; then ok "and leaves nothing"; else not_ok "and leaves nothing" "$(ls "$TMPDIR")"; fi
finish
