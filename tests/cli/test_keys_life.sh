#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A keys directory over the years: issue, show, check, renew, revoke; and what must not happen to it.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
umask 0
cd "$work" || exit 1

# same NAME EXPECTED ACTUAL
same() {
	if [[ $2 == "$3" ]]; then ok "$1"; else not_ok "$1" "expected: $2" "got: $3"; fi
}
serial() { openssl x509 -in "$1" -noout -serial | cut -d= -f2; }

k=$work/keys
pass() { (umask 077 && echo "$2" >"$1"); }
pass pass 'an ordinary passphrase'
pass wrong 'not the passphrase'
"$bundle" keys init --out "$k" --cluster demo --passphrase-file pass >/dev/null 2>&1

# -- applications -----------------------------------------------------------------------------------
expect "an application's certificate is issued" 0 "$k/clients/app.key" "$bundle" keys issue --keys "$k" --client app --passphrase-file pass
same "its key is private whatever the umask" "600 700" "$(stat -c %a "$k/clients/app.key" "$k/clients" | tr '\n' ' ' | sed 's/ $//')"
expect "it verifies as a client's" 0 OK openssl verify -x509_strict -purpose sslclient -CAfile "$k/ca.crt" "$k/clients/app.crt"
expect "and not as a server's" 2 "" openssl verify -purpose sslserver -CAfile "$k/ca.crt" "$k/clients/app.crt"
expect "nor as a signer's" 2 "" openssl verify -purpose smimesign -CAfile "$k/ca.crt" "$k/clients/app.crt"
same "its usage is clientAuth alone" "TLS Web Client Authentication" \
	"$(openssl x509 -in "$k/clients/app.crt" -noout -ext extendedKeyUsage | tail -n 1 | sed 's/^ *//')"
# shellcheck disable=SC2016 # the inner shell expands it
expect "its common name can be no account's" 0 "CN = client root" \
	bash -c '"$0" keys issue --keys "$1" --client root --passphrase-file pass >/dev/null && openssl x509 -in "$1/clients/root.crt" -noout -subject -nameopt sep_comma_plus_space,space_eq,sname' "$bundle" "$k"
before=$(cat "$k/clients/app.key" "$k/clients/app.crt" | sha256sum)
expect "a second one of that name is refused" 1 "was not touched" "$bundle" keys issue --keys "$k" --client app --passphrase-file pass
same "and the first is as it was" "$before" "$(cat "$k/clients/app.key" "$k/clients/app.crt" | sha256sum)"
expect "a name that is a path is refused" 2 "../x" "$bundle" keys issue --keys "$k" --client ../x --passphrase-file pass
expect "a wrong passphrase is told" 5 "wrong passphrase" "$bundle" keys issue --keys "$k" --client b --passphrase-file wrong
expect "no passphrase and no terminal: what to do" 2 "use --passphrase-file" setsid "$bundle" keys issue --keys "$k" --client b
same "nothing is left of either" "" "$(ls "$k"/clients/b* 2>/dev/null)"

# -- show and check ---------------------------------------------------------------------------------
expect "keys show lists what there is" 0 "serial $(serial "$k/clients/app.crt")  clientAuth" "$bundle" keys show --keys "$k"
# shellcheck disable=SC2016 # the inner shell expands it
expect "also for machines" 0 "" bash -c '"$0" keys show --keys "$1" --json | python3 -c "
import json, sys
names = [c[\"name\"] for c in json.load(sys.stdin)[\"certificates\"]]
assert names == [\"ca\", \"signer\", \"clients/app\", \"clients/root\"], names"' "$bundle" "$k"
expect "keys check is content" 0 "signer: good for 36" "$bundle" keys check --keys "$k"
expect "what expires within a time counts" 1 "clients/app: expires in 36" "$bundle" keys check --keys "$k" --within 365
one_line "and the failure is one line"
mkdir -m 700 "$work/empty"
expect "a directory without keys is none of theirs" 2 "'$work/empty' is no keys directory" "$bundle" keys check --keys "$work/empty"
expect "keys show says so too" 2 "'$work/empty' is no keys directory" "$bundle" keys show --keys "$work/empty"
expect "only days are a number" 2 "--within" "$bundle" keys check --keys "$k" --within soon

# broken NAME TEXT COMMAND: keys check tells what COMMAND did to a copy
broken() {
	rm -rf copy
	cp -a "$k" copy
	(cd copy && eval "$3")
	expect "$1" 1 "$2" "$bundle" keys check --keys copy
}
broken "a key that others may read is told, with what to do" "chmod 600" 'chmod 644 clients/app.key'
broken "a key of another certificate is told" "do not belong together" 'cp clients/root.key clients/app.key'
# shellcheck disable=SC2016 # expanded in the copy
broken "a link is told" "may be a link" 'ln -sf "$PWD/signer.crt" clients/app.crt'
broken "a damaged certificate is told" "not a certificate" 'echo x >clients/app.crt'
broken "a missing signer is told" "signer.crt' is not there" 'rm signer.crt'
broken "a signer's certificate in a client's place is told" "the signer's alone" 'cp signer.crt clients/app.crt; cp signer.key clients/app.key'
for file in ca.crt ca.key issued.jsonl; do
	rm -rf copy
	cp -a "$k" copy
	mv "copy/$file" elsewhere
	ln -s "$work/elsewhere" "copy/$file"
	expect "a link in the place of $file is refused" 3 "may be a link" "$bundle" keys issue --keys copy --client c --passphrase-file pass
done
rm -rf copy other
cp -a "$k" copy
mv copy/clients other
ln -s "$work/other" copy/clients
expect "a link in the place of a directory is refused" 3 "may be a link" "$bundle" keys issue --keys copy --client c --passphrase-file pass
same "nothing is written through it" "app.crt app.key root.crt root.key" "$(find other -type f -printf '%f\n' | sort | tr '\n' ' ' | sed 's/ $//')"
chmod 770 copy
expect "a directory that others may write is refused" 3 "chmod 700" "$bundle" keys show --keys copy
for file in clients ca.crt clients/app.crt; do
	rm -rf copy
	cp -a "$k" copy
	chmod g+w "copy/$file"
	expect "$file that others may write is refused" 3 "copy/$file' may be written by others" \
		"$bundle" keys issue --keys copy --client app --passphrase-file pass
done
if ((EUID == 0)); then
	for file in . clients ca.crt; do
		rm -rf copy
		cp -a "$k" copy
		chown 65534 "copy/$file"
		expect "$file of another user is refused" 3 "belongs to another user" \
			"$bundle" keys issue --keys copy --client app --passphrase-file pass
	done
else
	skip "keys of another user" "only root can make them"
fi
rm -rf copy
cp -a "$k" copy
chmod 644 copy/ca.key
expect "a CA key that others may read is refused" 3 "chmod 600" "$bundle" keys show --keys copy

# -- renew ------------------------------------------------------------------------------------------
old=$(serial "$k/clients/app.crt")
oldkey=$(sha256sum "$k/clients/app.key")
expect "nothing is renewed that is not due" 0 "nothing is due" "$bundle" keys renew --keys "$k"
same "and no passphrase was needed" "nothing is due: a certificate that is named is renewed all the same" "$out$err"
expect "what is named is renewed" 0 "clients/app" "$bundle" keys renew --keys "$k" app --passphrase-file pass
if [[ $old != "$(serial "$k/clients/app.crt")" && $oldkey != "$(sha256sum "$k/clients/app.key")" ]]; then
	ok "with a new serial number and a new key"
else
	not_ok "with a new serial number and a new key"
fi
expect "the subject stays" 0 "client app" openssl x509 -in "$k/clients/app.crt" -noout -subject
expect "the signer is renewed" 0 "signer" "$bundle" keys renew --keys "$k" signer --passphrase-file pass
expect "and passes openssl verify" 0 OK openssl verify -x509_strict -purpose smimesign -CAfile "$k/ca.crt" "$k/signer.crt"
expect "a CA is not renewed" 2 "keys init" "$bundle" keys renew --keys "$k" ca --passphrase-file pass
expect "a name that is not there is told" 2 "'nobody'" "$bundle" keys renew --keys "$k" nobody --passphrase-file pass

# -- revoke -----------------------------------------------------------------------------------------
expect "a certificate is revoked by its name" 0 "$(serial "$k/clients/root.crt")" "$bundle" keys revoke --keys "$k" root --passphrase-file pass
if [[ $err == *"no service reads it"* ]]; then ok "and that does not end its TLS"; else not_ok "and that does not end its TLS" "$err"; fi
expect "and by the serial number of one that was replaced" 0 "$old" "$bundle" keys revoke --keys "$k" "${old,,}" --passphrase-file pass
expect "what was never issued is refused" 2 "serial number" "$bundle" keys revoke --keys "$k" 0123456789ABCDEF --passphrase-file pass
expect "the list is the CA's" 0 "verify OK" openssl crl -in "$k/crl.pem" -CAfile "$k/ca.crt" -noout
expect "both stand in it" 0 "Serial Number: $old" openssl crl -in "$k/crl.pem" -noout -text
expect "its number is 2" 0 "2" openssl crl -in "$k/crl.pem" -noout -crlnumber
same "it lives as long as the CA" "$(openssl x509 -in "$k/ca.crt" -noout -enddate | cut -d= -f2)" \
	"$(openssl crl -in "$k/crl.pem" -noout -nextupdate | cut -d= -f2)"
cat "$k/ca.crt" "$k/crl.pem" >ca-and-crl.pem
expect "openssl refuses the revoked one" 2 "revoked" openssl verify -crl_check -CAfile ca-and-crl.pem "$k/clients/root.crt"
expect "and accepts the new one" 0 OK openssl verify -crl_check -purpose sslclient -CAfile ca-and-crl.pem "$k/clients/app.crt"
list=$(sha256sum "$k/crl.pem")
expect "what is no name and no serial number" 2 "'nobody' is neither the name of a certificate" "$bundle" keys revoke --keys "$k" nobody --passphrase-file pass
expect "revoking again changes nothing" 0 "" "$bundle" keys revoke --keys "$k" root --passphrase-file pass
same "the same list" "$list" "$(sha256sum "$k/crl.pem")"
expect "keys check tells what is revoked" 1 "clients/root: is revoked" "$bundle" keys check --keys "$k"
expect "a renewed one is good again" 0 "" "$bundle" keys renew --keys "$k" root --passphrase-file pass
expect "and keys check is content" 0 "" "$bundle" keys check --keys "$k"

# -- what is recorded, and how ----------------------------------------------------------------------
expect "every certificate that was issued is recorded" 0 "7 7" python3 -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
keys = {"time", "action", "for", "serial", "subject", "sans", "usages", "not_before", "not_after", "sha256"}
assert all(keys == set(row) for row in rows), rows
print(len(rows), len({row["serial"] for row in rows}))' "$k/issued.jsonl"
found=
for file in "$k"/*.crt "$k"/clients/*.crt "$k/crl.pem"; do
	! openssl asn1parse -in "$file" | grep -iE 'sha1|md5' || found+=" $file"
done
same "there is no SHA-1 in what was made" "" "$found"

# -- a full disk ------------------------------------------------------------------------------------
if [[ $(id -u) == 0 ]] && unshare -m mount -t tmpfs tmpfs /mnt 2>/dev/null; then
	# shellcheck disable=SC2317 # called by another shell
	full() { # a file system with no room left but for some bytes
		mkdir -p small
		mount -t tmpfs -o size=64k tmpfs small && cp -a "$k" small/keys && cat "$k"/*.crt >before
		dd if=/dev/zero of=small/fill bs=1k count=64 2>/dev/null
		"$bundle" keys renew --keys small/keys signer app --passphrase-file pass
		echo "status $?"
		find small/keys -type f -size 0
		find small/keys -name '*tmp*'
		openssl verify -purpose smimesign -CAfile small/keys/ca.crt small/keys/signer.crt
		cmp <(openssl x509 -in small/keys/signer.crt -noout -pubkey) <(openssl pkey -in small/keys/signer.key -pubout) && echo pair
	}
	export -f full
	export bundle k
	out=$(unshare -m bash -c full 2>&1)
	same "a full disk is told, and leaves the pair as it was" "status 6
small/keys/signer.crt: OK
pair" "$(sed '/^pgha-bundle/d' <<<"$out")"
	if [[ $out == *'No space left'* ]]; then ok "in words"; else not_ok "in words" "$out"; fi
else
	skip "a full disk is told, and leaves the pair as it was" "needs root"
fi
finish
