#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Standard output that is full: whoever reads a result must not take what came for the whole. Every command of both programs.
# shellcheck disable=SC2317 # functions are called through expect
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

for tool in rpmbuild createrepo_c "python3 -m pip"; do
	# shellcheck disable=SC2086 # a program, or one with arguments
	$tool --version >/dev/null 2>&1 || { skip "output that is full" "$tool is not installed"; finish; }
done
((EUID == 0)) || { skip "output that is full" "an installation needs root"; finish; }
umask 022
s=$work/s
if ! "$root/tests/cli/make_bundle.sh" "$s" 0 16 >"$work/scene.log" 2>&1; then
	not_ok "packages and definition are made" "$(<"$work/scene.log")"
	finish
fi
{ cat "$root/tests/lsan.supp"; echo leak:libsolv.so; } >"$work/lsan.supp"
export LSAN_OPTIONS=suppressions=$work/lsan.supp:print_suppressions=0 PIP_NO_INDEX=1 PIP_FIND_LINKS=$s/wheels PGHA_CACHE_DIR=$work/cache
cd "$s" || exit 1
target=$work/root
mkdir -p "$target/etc" real
printf 'root:x:0:0::/:\n' >"$target/etc/passwd"
printf 'root:x:0:\n' >"$target/etc/group"
sed -n 's/^one=//p' passphrases >passphrase
chmod 600 passphrase
cp -R "$root/manifests" real/
rm -f real/manifests/.env
"$bundle" keys init --out keys >/dev/null 2>&1
"$bundle" keys issue --keys keys --client known >/dev/null 2>&1
build_one() { "$bundle" build -f bundle.yaml --keys keys --passphrases passphrases --rebuild -o out; }
build_one >"$work/log" 2>&1 || { not_ok "a bundle is built" "$(<"$work/log")"; finish; }
# What somebody else's CA answers.
"$bundle" keys request --keys asked -f real/manifests/rhel8.yaml --cluster demo >/dev/null 2>&1
openssl req -in asked/requests/signer.csr -noout -text >text
{
	printf '[v3]\nbasicConstraints = CA:FALSE\nkeyUsage = critical,digitalSignature\nsubjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n'
	sed -n '/Extended Key Usage/{n;s/^ */extendedKeyUsage = /;s/E-mail Protection/emailProtection/;p}' text
} >ext.cnf
openssl req -x509 -newkey rsa:3072 -nodes -subj '/CN=Example Root' -keyout root.key -out root.crt -days 3000 -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
openssl x509 -req -in asked/requests/signer.csr -CA root.crt -CAkey root.key -CAcreateserial -days 400 -sha256 -extfile ext.cnf -extensions v3 -out signer.crt \
	2>/dev/null

# One of each command, in an order in which each finds what it needs. A "-" before it: it has nothing to say on standard output.
one="--root $target --node one"
tar() { echo "--bundle out/pgha-scene-$1.tar --ca keys/ca.crt --passphrase-file passphrase"; }
table="
  pgha-bundle --help
  pgha-bundle --version
  pgha-bundle help build
  pgha-bundle keys --help
  pgha-bundle keys init --out new
  pgha-bundle keys request --keys other -f real/manifests/rhel8.yaml
  pgha-bundle keys import --keys asked --ca-cert root.crt signer.crt
  pgha-bundle keys issue --keys keys --client app
  pgha-bundle keys show --keys keys
  pgha-bundle keys show --keys keys --json
  pgha-bundle keys check --keys keys
  pgha-bundle keys renew --keys keys known
  pgha-bundle keys revoke --keys keys known
- pgha-bundle secrets init -f real/manifests/rhel8.yaml
  pgha-bundle secrets check -f bundle.yaml
  pgha-bundle secrets example -f real/manifests/rhel8.yaml
  pgha-bundle secrets rotate -f bundle.yaml ALPHA_PASSWORD
  pgha-bundle lint real/manifests
- pgha-bundle resolve -f bundle.yaml -o scene.lock
  pgha-bundle resolve -f bundle.yaml -o scene.lock --json
  pgha-bundle outdated -f bundle.yaml --lock scene.lock
  pgha-bundle why -f bundle.yaml --lock scene.lock alpha
  pgha-bundle depends -f bundle.yaml --lock scene.lock alpha
  pgha-bundle urls --lock scene.lock
  pgha-bundle fetch --lock scene.lock
  pgha-bundle build -f bundle.yaml --keys keys --passphrases passphrases --rebuild -o out
  pgha-bundle show out/pgha-scene-1.tar
  pgha-bundle show --json out/pgha-scene-1.tar
  pgha-bundle diff out/pgha-scene-1.tar out/pgha-scene-2.tar
  pgha-bundle sbom out/pgha-scene-1.tar
  pgha-install --help
  pgha-install plan --help
  pgha-install verify --bundle out/pgha-scene-1.tar --ca keys/ca.crt
  pgha-install plan $one $(tar 1)
  pgha-install plan $one $(tar 1) --json
  pgha-install $one $(tar 1)
  pgha-install status --root $target
  pgha-install status --root $target --json
  pgha-install inventory --root $target
  pgha-install $one $(tar 2) --json
  pgha-install rollback $one --dry-run
  pgha-install rollback $one
  pgha-install uninstall $one --dry-run
  pgha-install uninstall $one --json
"
expect_kept() { # after the first installation: what is wrong with it is the status, and the output a detail
	rm "$target/etc/alpha.conf"
	capture full pgha-install status --root "$target" --json
	if ((status == 8)) && [[ $err == *"  and cannot write the output: No space left on device" ]]; then
		ok "a failure of its own stays one"
	else
		not_ok "a failure of its own stays one" "$status" "$err"
	fi
}
full() { "$build/$1" "${@:2}" >/dev/full; }
while read -r line; do
	[[ -n $line ]] || continue
	quiet=false
	[[ $line != '- '* ]] || quiet=true
	line=${line#- }
	name=${line//"$target"/ROOT}
	# shellcheck disable=SC2086
	capture full $line
	said=$(grep '^pgha-' "$work/.err")
	if $quiet; then
		if ((status == 0)); then ok "$name: has nothing to lose"; else not_ok "$name: has nothing to lose" "$status" "$err"; fi
	elif ((status == 1)) && [[ $said == "${line%% *}: cannot write the output: No space left on device" ]]; then
		ok "$name: says that it is full"
	else
		not_ok "$name: says that it is full" "$status" "$err"
	fi
	[[ $line != *' inventory '* ]] || expect_kept
done <<<"$table"

# What the programs list is in the table. 'check' asks the machine that runs, which has nothing installed.
for program in pgha-bundle pgha-install; do
	while read -r line; do
		command=$(sed -E 's/ (-|\[|[A-Z]).*//' <<<"$line")
		[[ $command == 'pgha-install check' ]] && continue
		if [[ $table == *" $command "* ]]; then ok "$command was tried"; else not_ok "$command was tried"; fi
	done < <("$build/$program" --help | sed -n '/^Usage:/,/^$/s/^  pgha/pgha/p')
done
finish
