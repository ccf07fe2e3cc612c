#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes throw-away OpenPGP keys and small RPMs in DIR for test_pgp.c, test_rpmsig.c and test_fetch.c:
#   NAME.asc       public keys: vendor, other, weak (RSA 1024), dsa, ecdsa, eddsa, subkey (a subkey signs), expired, revoked
#   revoked-before.asc  the same key without its revocation
#   NAME.rpm       pgha-test-1:2.0-3.noarch signed by NAME, and unsigned, sha1 (by vendor), late (by expired, after its end)
#   document, NAME.sig  its detached signature by NAME; binary, text, sha1, sha512 (by vendor), two (other, vendor), late
#   second.rpm     pgha-second-1:2.0-3.noarch signed by other
set -euo pipefail
dir=$1
export GNUPGHOME=$dir/gnupg LC_ALL=C HOME=$dir
mkdir -m 700 "$GNUPGHOME"
trap 'gpgconf --kill all' EXIT

gpg=(gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase '')

make_key() { # NAME ALGORITHM EXPIRY [gpg options]
	local name=$1 algorithm=$2 expiry=$3
	shift 3
	"${gpg[@]}" "$@" --quick-gen-key "$name <$name@example.org>" "$algorithm" sign "$expiry" 2>"$dir/gpg.log"
}

fingerprint() {
	gpg --batch --with-colons --list-keys "$1@example.org" | awk -F: '$1 == "fpr" { print $10; exit }'
}

make_key vendor rsa2048 never
make_key other rsa2048 never
make_key weak rsa1024 never
make_key dsa dsa2048 never
make_key ecdsa nistp256 never
make_key eddsa ed25519 never
make_key subkey rsa2048 never
make_key expired rsa2048 2d --faked-system-time 20200101T000000
make_key revoked rsa2048 never
"${gpg[@]}" --quick-add-key "$(fingerprint subkey)" rsa2048 sign never

# Before it is revoked, since gpg signs nothing with it afterwards.
mkdir -p "$dir/build"
cat >"$dir/test.spec" <<-'SPEC'
	Name: pgha-test
	Epoch: 1
	Version: 2.0
	Release: 3
	Summary: a package for tests
	License: Apache-2.0
	BuildArch: noarch
	%description
	%package -n pgha-second
	Summary: another one
	%description -n pgha-second
	%install
	mkdir -p %{buildroot}/opt/pgha-test
	seq 1 2000 >%{buildroot}/opt/pgha-test/numbers
	%files
	/opt/pgha-test
	%files -n pgha-second
SPEC
rpmbuild -bb --quiet --define "_topdir $dir/build" --define "dbpath $dir/rpmdb" "$dir/test.spec" >"$dir/rpmbuild.log" 2>&1
mv "$dir"/build/RPMS/noarch/pgha-test-*.rpm "$dir/unsigned.rpm"
mv "$dir"/build/RPMS/noarch/pgha-second-*.rpm "$dir/unsigned-second.rpm"

sign() { # RPM KEY [rpmsign options]
	local rpm=$1 key=$2
	shift 2
	if [[ ! -e $dir/$rpm.rpm ]]; then cp "$dir/unsigned.rpm" "$dir/$rpm.rpm"; fi
	rpmsign --define "_gpg_name $key@example.org" --define "_gpg_path $GNUPGHOME" --define '__gpg /usr/bin/gpg' \
		--define "dbpath $dir/rpmdb" "$@" --addsign "$dir/$rpm.rpm" >"$dir/rpmsign.log" 2>&1
}
faked() { # TIME: rpmsign option that lets gpg believe it
	echo "_gpg_sign_cmd_extra_args --faked-system-time $1"
}

for name in vendor other weak dsa subkey revoked; do
	sign "$name" "$name"
done
sign eddsa eddsa || rm "$dir/eddsa.rpm" # rpm before 4.16 cannot

seq 1 100 >"$dir/document"
detach() { # NAME KEY [gpg options]
	local name=$1 key=$2
	shift 2
	"${gpg[@]}" --armor --local-user "$key@example.org" "$@" --output "$dir/$name.sig" --detach-sign "$dir/document" 2>"$dir/gpg.log"
}
for name in vendor other weak dsa ecdsa subkey revoked; do
	detach "$name" "$name"
done
detach binary vendor --no-armor
detach text vendor --textmode
detach sha1 vendor --digest-algo sha1
detach sha512 vendor --digest-algo sha512
detach two other --local-user vendor@example.org
detach expired expired --faked-system-time 20200102T000000
mv "$dir/unsigned-second.rpm" "$dir/second.rpm"
sign second other
sign sha1 vendor --define '_gpg_digest_algo sha1'
sign expired expired --define "$(faked 20200102T000000)"
# gpg refuses to sign with an expired key: give it a longer life, and export the short one.
gpg --batch --armor --export expired@example.org >"$dir/expired.asc"
"${gpg[@]}" --faked-system-time 20200102T000000 --quick-set-expire "$(fingerprint expired)" 20d
detach late expired --faked-system-time 20200110T000000
sign late expired --define "$(faked 20200110T000000)"

gpg --batch --armor --export revoked@example.org >"$dir/revoked-before.asc"
revocation=$GNUPGHOME/openpgp-revocs.d/$(fingerprint revoked).rev
sed 's/^:---/---/' "$revocation" | "${gpg[@]}" --import 2>"$dir/gpg.log"

for name in vendor other weak dsa ecdsa eddsa subkey revoked; do
	gpg --batch --armor --export "$name@example.org" >"$dir/$name.asc"
done
gpg --batch --export vendor@example.org >"$dir/vendor.gpg"
cat "$dir/other.asc" "$dir/vendor.asc" >"$dir/both.asc"
