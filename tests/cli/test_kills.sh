#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pgha-install killed at points where it reaches the disk or makes a process, in a root of its own: the run after that comes to the same
# end as one that nobody disturbed. And a call that fails there: the earlier state is back. SEED=N repeats the choice; KILLS=N is how many of each verb (all: every one). The machines of `make soak` have
# scriptlets, units and faults as well.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

for tool in rpmbuild createrepo_c gcc "python3 -m pip"; do
	# shellcheck disable=SC2086 # a program, or one with arguments
	$tool --version >/dev/null 2>&1 || { skip "a killed installation" "$tool is not installed"; finish; }
done
((EUID == 0)) || { skip "a killed installation" "an installation needs root"; finish; }
if grep -q libasan <<<"$(ldd "$install")"; then
	skip "a killed installation" "the sanitizer must be the first library"
	finish
fi

umask 022
SEED=${SEED:-$((SRANDOM % 1000000))}
echo "SEED=$SEED"
if ! gcc -O1 -shared -fPIC -o "$work/point.so" "$root/tests/lab/soak/point.c" -ldl 2>"$work/scene.log" ||
	! { "$root/tests/cli/make_bundle.sh" "$work/1" 2 16 2 && "$root/tests/cli/make_bundle.sh" "$work/2" 2 16 3; } >>"$work/scene.log" 2>&1; then
	not_ok "packages and definitions are made" "$(<"$work/scene.log")"
	finish
fi
cd "$work" || exit 1
"$bundle" keys init --out keys >/dev/null 2>&1
# The second brings a value, a file and versions of packages.
sed -i 's/^\(files:\)$/\1\n  - {template: more.conf, dest: \/etc\/more.conf, owner: root, group: root, mode: "0644", format: ini}/' 2/services/beta/service.yaml
echo 'more = {{node.name}}' >2/services/beta/templates/more.conf
for n in 1 2; do
	export PIP_NO_INDEX=1 PIP_FIND_LINKS=$work/$n/wheels
	expect "bundle $n is built" 0 "" "$bundle" build -f $n/bundle.yaml --keys keys --passphrases 1/passphrases --cache cache -o out.$n
	mv out.$n/pgha-*.tar $n.tar
done
sed -n "s/^one=//p" 1/passphrases >passphrase
chmod 600 passphrase
accept=$(gpg --with-colons --show-keys 2/key.asc 2>/dev/null | awk -F: '$1 == "fpr" && !n++ { print $10 }')

# What an installation is answerable for; the rpm database by what it says. Each machine has /dev, an empty root may keep the empty one
# that a killed run has made for scriptlets.
snapshot() { # ROOT
	(
		cd "$1" || exit 1
		find . \( -path ./var/lib/rpm -o -path ./var/lib/pgha/log -o -path ./var/tmp \) -prune -o -path './var/lib/pgha/record/*/begun' -o \
			-type l -printf '%p %l\n' -o -type d -printf '%p d %m %u:%g\n' -o -printf '%p %y %m %u:%g\n'
		find . -type f ! -path './var/lib/rpm/*' ! -path './var/lib/pgha/log/*' ! -path './var/lib/pgha/journal' ! -path './var/lib/pgha/secrets' \
			! -path './var/lib/pgha/record/*/secrets' ! -name begun ! -name entries ! -name '*.pyc' -exec sha256sum {} +
		cat var/lib/pgha/record/*/entries 2>/dev/null
		rpm --root "$1" --dbpath /var/lib/rpm -qa
		rpm --root "$1" --dbpath /var/lib/rpm -Va --nomtime --nodeps --noscripts
	) 2>&1 | grep -vE '__pycache__|^\./dev d ' | LC_ALL=C sort -u
}

# verb VERB ROOT [NAME=VALUE…]
verb() {
	local name=$1 to=$2
	shift 2
	case $name in
	install) env "$@" "$install" --node one --bundle 1.tar --ca keys/ca.crt --passphrase-file passphrase --root "$to" ;;
	upgrade) env "$@" "$install" --node one --bundle 2.tar --ca keys/ca.crt --passphrase-file passphrase --root "$to" --accept-key "$accept" ;;
	*) env "$@" "$install" "$name" --node one --root "$to" ;;
	esac
}

# From what state each starts.
declare -A begins=([install]=empty [upgrade]=installed [rollback]=upgraded [uninstall]=installed)
mkdir -p empty/etc
echo root:x:0:0::/root:/bin/sh >empty/etc/passwd
echo root:x:0: >empty/etc/group
reference() { # VERB STATE
	rm -rf "$2"
	cp -a "${begins[$1]}" "$2"
	expect "$1" 0 "" verb "$1" "$work/$2" "LD_PRELOAD=$work/point.so" "POINT_LOG=$work/$1.points"
	snapshot "$work/$2" >"$1.end"
}
reference install installed
reference upgrade upgraded
reference rollback back
reference uninstall gone

killed() { # VERB POINT DO
	local status=0 what
	what="$1 killed at point $2 ($3: $(sed -n "s/^$2 //p" "$1.points" | sed "s,$work,,"))"
	rm -rf case
	cp -a "${begins[$1]}" case
	# Bash would tell of the kill.
	{ verb "$1" "$work/case" "LD_PRELOAD=$work/point.so" "POINT_AT=$2" "POINT_DO=$3" >case.log 2>&1 || status=$?; } 2>/dev/null
	# The last of them remove what was staged, one more or less.
	if ((status == 0)) && grep -q "^$2 unlink " "$1.points"; then
		ok "$what: it had ended"
		return
	fi
	if ((status != 137)); then
		not_ok "$what" "it was not killed: $status" "$(tail -n 3 case.log)"
		return
	fi
	status=0
	verb "$1" "$work/case" >case.log 2>&1 || status=$?
	# At its very end there is nothing left to take back.
	if ((status != 0)) && ! { [[ $1 == *l* ]] && grep -Eq 'nothing is installed here|the first that this machine knows' case.log; }; then
		not_ok "$what" "the next run ended with $status" "$(tail -n 5 case.log)"
		return
	fi
	snapshot "$work/case" | sed "s,/case/,/${4:-STATE}/,g" >case.end
	if diff "$1.end" case.end >case.diff; then ok "$what"; else not_ok "$what" "$(head -n 12 case.diff)"; fi
}

# failed VERB POINT: what it says of the state is true, and the next run comes to the end.
failed() {
	local status=0 what
	what="$1 with an error at point $2 ($(sed -n "s/^$2 //p" "$1.points" | sed "s,$work,,"))"
	rm -rf case
	cp -a "${begins[$1]}" case
	verb "$1" "$work/case" "LD_PRELOAD=$work/point.so" "POINT_AT=$2" POINT_DO=fail >case.log 2>&1 || status=$?
	if ((status != 0)) && grep -q 'the earlier state is back' case.log; then
		snapshot "$work/case" >case.end
		if ! diff <(promised "$1.begin") <(promised case.end) >case.diff; then
			not_ok "$what: the earlier state is not back" "$(tail -n 3 case.log)" "$(head -n 12 case.diff)"
			return
		fi
	elif ((status != 0)) && ! grep -Eq 'stays installed|nothing was changed' case.log && [[ -e $work/case/var/lib/pgha/record ]]; then
		! diff <(promised "$1.begin") <(snapshot "$work/case" >case.end; promised case.end) >case.diff || : >case.diff
		[[ ! -s case.diff ]] || { not_ok "$what: nothing is said of the state" "$(tail -n 3 case.log)" "$(head -n 12 case.diff)"; return; }
	fi
	status=0
	verb "$1" "$work/case" >case.log 2>&1 || status=$?
	if ((status != 0)); then
		not_ok "$what" "the next run ended with $status" "$(tail -n 5 case.log)"
		return
	fi
	snapshot "$work/case" >case.end
	if diff "$1.end" case.end >case.diff; then ok "$what"; else not_ok "$what" "$(head -n 12 case.diff)"; fi
}

# What a run that was taken back may leave: its memory that there was one, and of an empty root the rpm database and directories that no package owns.
promised() { grep -vE '^\./(dev|opt) |^\./var(/lib(/rpm|/pgha(/journal|/log)?)?)? |/var/lib/rpm|^\./var/tmp' "$1"; }
for name in install upgrade; do snapshot "$work/${begins[$name]}" >"$name.begin"; done

for name in install upgrade; do
	while read -r number <&3; do
		failed "$name" "$number"
	done 3< <(awk '$3 !~ /\/(staging|bundles)\/.*\/.*\// { print $1 }' "$name.points" |
		if [[ ${KILLS:-6} == all ]]; then cat; else shuf -n "${KILLS:-6}" --random-source=<(yes "$SEED"); fi)
done
for name in install upgrade rollback uninstall; do
	while read -r number how <&3; do
		killed "$name" "$number" "$how"
	done 3< <(awk '$3 !~ /\/(staging|bundles)\/.*\/.*\// { print $1, ($2 == "fork" || $3 ~ /\/(journal|entries)$/) && NR % 2 ? "after" : "kill" }' "$name.points" |
		if [[ ${KILLS:-6} == all ]]; then cat; else shuf -n "${KILLS:-6}" --random-source=<(yes "$SEED"); fi)
done
finish
