#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Repositories as people have them: mirror lists, metalinks, dead mirrors, passwords, proxies; over HTTP from this machine.
# shellcheck disable=SC2016 # dollars that nobody must expand are what this is about
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

for tool in rpmbuild rpmsign createrepo_c gpg; do
	command -v "$tool" >/dev/null || { skip "repositories over HTTP" "$tool is not installed"; exit 0; }
done

files=$work/files
state=$work/state
cache=$work/cache
lock=$work/b.lock
repofile=$work/all.repo
mkdir -p "$files" "$state" "$work/vars"
user='build host'
password='Zq7 pa$$wo:rd'
printf '%s\n' "$user" >"$state/user"
printf '%s\n' "$password" >"$state/password"
unset http_proxy https_proxy all_proxy no_proxy HTTPS_PROXY ALL_PROXY NO_PROXY

# --- a repository with a signed package, and another one under the same paths ---
make_rpm() { # VERSION
	cat >"$work/p.spec" <<-SPEC
		Name: pgha-test
		Version: $1
		Release: 1
		Summary: a package for tests
		License: Apache-2.0
		BuildArch: noarch
		%description
		%files
	SPEC
	rpmbuild -bb --quiet --define "_topdir $work/rpmbuild" --define "dbpath $work/rpmdb" "$work/p.spec"
	rpmsign --define '_gpg_name vendor@example.org' --define "_gpg_path $GNUPGHOME" --define '__gpg /usr/bin/gpg' \
		--define "dbpath $work/rpmdb" --addsign "$work/rpmbuild/RPMS/noarch/pgha-test-$1-1.noarch.rpm"
}
export GNUPGHOME=$work/gnupg
mkdir -m 700 "$GNUPGHOME"
{
	gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase '' --quick-gen-key 'v <vendor@example.org>' rsa2048 sign never
	gpg --batch --armor --export vendor@example.org >"$files/key.asc"
	make_rpm 2.0
	mkdir -p "$files/a" "$files/old/a"
	mv "$work/rpmbuild/RPMS/noarch/"*.rpm "$files/a/"
	make_rpm 1.0
	mv "$work/rpmbuild/RPMS/noarch/"*.rpm "$files/old/a/"
	createrepo_c --quiet --revision 2 "$files/a"
	createrepo_c --quiet --revision 1 "$files/old/a"
} >"$work/make.log" 2>&1 || { not_ok "a repository is made" "$(<"$work/make.log")"; finish; }
pin=$(gpg --batch --with-colons --list-keys vendor@example.org 2>/dev/null | awk -F: '$1 == "fpr" && !n++ { print $10 }')
gpgconf --kill all

"$root/tests/cli/repo_servers.py" "$files" "$state" &
server=$!
trap 'kill "$server"; wait "$server" 2>/dev/null; rm -rf "$work"' EXIT
for ((i = 0; i < 200; i++)); do
	[[ -e $state/ports ]] && break
	sleep 0.05
done
one='' two='' auth='' dead='' proxy='' # replaced at once
# shellcheck disable=SC1091
. "$state/ports"

printf 'pgha: 1\nplatform: {id: "platform:el8", arch: x86_64}\nrepos: [all.repo]\npackages: [pgha-test]\ntrust: {a: [%s]}\n' \
	"$pin" >"$work/b.yaml"
# repo ID 'OPTION=VALUE'…: adds a section
repo() {
	printf '[%s]\n' "$1" >>"$repofile"
	shift
	printf '%s\n' "$@" >>"$repofile"
}
# only ID 'OPTION=VALUE'…: the .repo file has this section alone, and the cache is empty
only() {
	rm -rf "$cache"
	: >"$repofile"
	chmod 600 "$repofile"
	repo "$@"
}
# shellcheck disable=SC2317 # both are called through expect
{
	resolve() { rm -f "$lock" && "$bundle" resolve -f "$work/b.yaml" -o "$lock" --cache "$cache"; }
	fetch() { "$bundle" fetch --lock "$lock" --cache "$cache"; }
}
has() { # NAME TEXT: the lock has it
	if grep -qF -- "$2" "$lock"; then ok "$1"; else not_ok "$1" "$(<"$lock")"; fi
}
lacks() { # NAME TEXT: the lock does not have it
	if grep -qF -- "$2" "$lock"; then not_ok "$1" "$(<"$lock")"; else ok "$1"; fi
}
same() { # NAME: the lock is the first one
	if cmp -s "$lock" "$work/first.lock"; then ok "$1"; else not_ok "$1" "$(diff "$work/first.lock" "$lock")"; fi
}
asked() { # NAME SERVER PATH: the server was asked for it
	if grep -q "^$2 $3 200$" "$state/log"; then ok "$1"; else not_ok "$1" "$(<"$state/log")"; fi
}
quiet() { # NAME: the last capture's messages do not have the password
	if [[ $out$err == *"$password"* || $out$err == *'pa$'* || $out$err == *'$wo'* ]]; then not_ok "$1" "$out$err"; else ok "$1"; fi
}

# --- mirrorlists ---
list=$one/lists/mirrors
mkdir "$files/lists"
printf '# nearest first\n%s/a\n%s/$contentdir/a\n' "$dead" "$one" >"$files/lists/mirrors"
mkdir -p "$files/pub"
ln -s ../a "$files/pub/a"
echo pub >"$work/vars/contentdir"
only a "mirrorlist=$list" "gpgkey=$one/key.asc"
expect "a mirrorlist: a dead mirror, then one with a variable" 0 "" resolve
asked "its second mirror answered" one /pub/a/repodata/repomd.xml
has "the lock has the mirrorlist" "mirrorlist: "
lacks "and not the mirror that answered" "/a\""
mv "$lock" "$work/first.lock"
printf '%s/a\n' "$two" >"$files/lists/mirrors"
rm -rf "$cache"
: >"$state/log"
expect "another mirror" 0 "" resolve
asked "which answered" two /a/repodata/repomd.xml
same "gives the same lock, byte for byte"
expect "fetch follows the list too" 0 "" fetch
asked "to the package" two /a/pgha-test-2.0-1.noarch.rpm
mv "$files/lists/mirrors" "$files/lists/gone"
expect "a list that is gone is replaced by the kept one" 0 "its list of mirrors cannot be had, that of 20" resolve
same "with the same lock"
rm -rf "$cache"
expect "without a kept one that is a failure of the network" 4 "repository 'a'" resolve
echo "skip_if_unavailable=1" >>"$repofile"
repo b "baseurl=$two/a"
expect "or a warning where the repository may be missing" 0 "repository 'a': " resolve
has "and another one has the package" "repo: b"
only a "mirrorlist=$list"
printf '<html>\n<body>Please log in</body></html>\n' >"$files/lists/mirrors"
expect "a page of the hotel's network is no list" 5 "list of mirrors '$list': line 1: this is no metalink" resolve
printf 'ftp://127.0.0.1/a\nfile://%s/a\n' "$files" >"$files/lists/mirrors"
expect "a list leads to no file of this machine" 5 "it names no server that can be used" resolve

# --- metalinks ---
link=$one/lists/metalink
# metalink TYPE HASH 'PREFERENCE URL'…
metalink() {
	printf '<?xml version="1.0"?>\n<metalink xmlns="http://www.metalinker.org/"><files><file name="repomd.xml">\n'
	printf '<verification><hash type="%s">%s</hash></verification>\n<resources>' "$1" "$2"
	shift 2
	local mirror
	for mirror in "$@"; do printf '<url preference="%s">%s/repodata/repomd.xml</url>\n' "${mirror% *}" "${mirror#* }"; done
	printf '</resources></file></files></metalink>\n'
}
sha256=$(sha256sum "$files/a/repodata/repomd.xml" | cut -d' ' -f1)
metalink sha256 "$sha256" "50 $two/a" "100 $dead/a" >"$files/lists/metalink"
only a "metalink=$link" "gpgkey=$one/key.asc"
expect "a metalink with a dead first mirror" 0 "" resolve
has "the lock has the metalink" "metalink: "
mv "$lock" "$work/first.lock"
metalink sha256 "$sha256" "50 $one/a" "100 $one/old/a" >"$files/lists/metalink"
rm -rf "$cache"
: >"$state/log"
expect "one with a first mirror that is not up to date" 0 "" resolve
asked "which was asked" one /old/a/repodata/repomd.xml
same "gives the same lock, from the second one"
metalink sha256 "$sha256" "100 $one/old/a" >"$files/lists/metalink"
rm -rf "$cache"
expect "an old mirror alone is refused" 5 "repomd.xml" resolve
metalink md5 "$(md5sum "$files/a/repodata/repomd.xml" | cut -d' ' -f1)" "50 $one/a" >"$files/lists/metalink"
expect "MD5 is no digest" 5 "it gives no SHA-256 of repomd.xml" resolve

# --- passwords ---
only a "baseurl=$auth/a" "gpgkey=$auth/key.asc"
expect "without a password there is no entry" 4 "check the credentials" resolve
only a "baseurl=$auth/a" "gpgkey=$auth/key.asc" "username=$user" "password=$password"
expect "with one there is, and http is told of" 0 "the password of repository 'a' is sent without encryption" resolve
quiet "the password is in no message"
lacks "nor in the lock" "$password"
has "which names the .repo file" "repofile: $repofile"
expect "fetch takes it from there" 0 "" fetch
asked "for the package" auth /a/pgha-test-2.0-1.noarch.rpm
chmod 644 "$repofile"
expect "a password that everybody can read is told of" 0 "everybody can read it" resolve
rm -rf "$cache"
sed -i "s/^password=.*/password=Zq7 pa\$\$wo/" "$repofile"
expect "a wrong one is refused" 4 "check the credentials" fetch
quiet "and in no message either"
sed -i 's/^\[a\]/[b]/' "$repofile"
expect "a section that is gone leaves fetch without" 3 "there is no repository 'a' any more" fetch
only a "baseurl=http://me:$password@127.0.0.1/a"
expect "credentials in a URL are refused" 3 "without credentials in it" resolve
quiet "and not shown"

# told SERVER: whether that server was ever told a user
told() { grep -q "^$1 .*Authorization: " "$state/headers"; }
alone() { # NAME: only `auth` was told the password, and it was
	if told auth && ! told one && ! told two; then ok "$1"; else not_ok "$1" "$(<"$state/headers")"; fi
}

# --- who is told the password ---
gpg --batch --no-tty --pinentry-mode loopback --passphrase '' --armor --detach-sign "$files/a/repodata/repomd.xml" 2>>"$work/make.log"
gpgconf --kill all
: >"$state/headers"
only a "baseurl=$auth/a" "gpgkey=$two/key.asc" "repo_gpgcheck=1" "username=$user" "password=$password"
: >"$state/log"
expect "a key on another host, for signed metadata" 0 "" resolve
asked "which has it" two /key.asc
alone "is told no password"
rm -rf "$cache"
: >"$state/log"
expect "and for packages" 0 "" fetch
asked "which has it then too" two /key.asc
alone "is told none either"
printf '%s\n' "$two" >"$state/moved"
: >"$state/headers"
only a "baseurl=$auth/moved/a" "gpgkey=$auth/key.asc" "username=$user" "password=$password"
: >"$state/log"
expect "a repository that has moved" 0 "" resolve
asked "to another host" two /a/repodata/repomd.xml
alone "which is told none"
rm -f "$files/a/repodata/repomd.xml.asc"

# --- how the servers are asked ---
only a "baseurl=$one/a" "gpgkey=$two/key.asc"
printf '[main]\nuser_agent=libdnf (test)\ntimeout=20\nip_resolve=4\nthrottle=10M\n%s\n' "$(<"$repofile")" >"$repofile"
expect "what [main] says of the network" 0 "" resolve
has "is not in the lock, which names the .repo file" "repofile: $repofile"
: >"$state/headers"
expect "and counts" 0 "" fetch
if grep -qxF "one /a/pgha-test-2.0-1.noarch.rpm User-Agent: libdnf (test)" "$state/headers" &&
	grep -qxF "two /key.asc User-Agent: libdnf (test)" "$state/headers"; then
	ok "for fetch too"
else
	not_ok "for fetch too" "$(<"$state/headers")"
fi
only a "baseurl=$one/a" "gpgkey=$one/key.asc"
expect "a repository that says nothing of it" 0 "" resolve
lacks "needs no .repo file" "repofile"

# --- proxies ---
only a "baseurl=http://repo.invalid/a" "gpgkey=http://repo.invalid/key.asc" "proxy=$proxy"
expect "a proxy wants a password" 4 "" resolve
only a "baseurl=http://repo.invalid/a" "gpgkey=http://repo.invalid/key.asc" "proxy=$proxy" "proxy_username=$user" \
	"proxy_password=$password"
expect "and gets it" 0 "" resolve
asked "the proxy fetched it" proxy /a/repodata/repomd.xml
quiet "the proxy's password is in no message"
lacks "nor in the lock" "$password"
expect "fetch goes through the proxy too" 0 "" fetch
asked "for the package" proxy /a/pgha-test-2.0-1.noarch.rpm
only a "baseurl=$one/a" "proxy=_none_"
expect "proxy=_none_ goes past the environment's" 0 "" env "http_proxy=$dead" "$bundle" resolve -f "$work/b.yaml" -o "$lock" --cache "$cache"
rm -rf "$cache"
sed -i /proxy/d "$repofile"
expect "which counts otherwise" 4 "" env "http_proxy=$dead" "$bundle" resolve -f "$work/b.yaml" -o "$lock" --cache "$cache"

if [[ -e $state/leaks ]]; then not_ok "no process had a password in its arguments" "$(<"$state/leaks")"; else
	ok "no process had a password in its arguments"
fi
finish
