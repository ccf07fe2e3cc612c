#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pgha-bundle resolve and urls: repositories made here, real ones, and stock dnf as the judge.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cache=$work/cache
oracle=$root/tests/cli/dnf_oracle.py
# Where the lab keeps its repositories, when they are there: a build takes minutes and is the lab's own business.
lab_repos=$("$root/tests/lab/repos-path.sh")

# definition PLATFORM 'A, B' 'LINE OF YAML'…: $work/b.yaml with $work/all.repo
definition() {
	printf 'pgha: 1\nplatform: {id: "%s", arch: x86_64}\nrepos: [all.repo]\npackages: [%s]\n' "$1" "$2" >"$work/b.yaml"
	shift 2
	(($# == 0)) || printf '%s\n' "$@" >>"$work/b.yaml"
}

# add_repo ID DIRECTORY 'OPTION=VALUE'…
add_repo() {
	printf '[%s]\nname=%s\nbaseurl=file://%s\ngpgcheck=0\n' "$1" "$1" "$(realpath "$2")" >>"$work/all.repo"
	shift 2
	(($# == 0)) || printf '%s\n' "$@" >>"$work/all.repo"
}

# shellcheck disable=SC2317 # called through expect
resolve() { "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$cache"; }
nevras() { sed -n 's/^  - nevra: "\?\([^"]*\)"\?$/\1/p' "$1"; }

# judge NAME PLATFORM RELEASEVER COUNT PACKAGE…: resolve and dnf choose the same, COUNT packages (0: any number). What both are
# told beside: `modules`, a line of YAML, and `told`, options of the oracle.
modules='' told=()
judge() {
	local name=$1 platform=$2 releasever=$3 count=$4
	shift 4
	definition "$platform" "$(printf '%s, ' "$@" | sed 's/, $//')" "$modules"
	expect "$name: resolves" 0 "" resolve
	nevras "$work/b.lock" | sort >"$work/ours.txt"
	rm -rf "$work/root" "$work/repos.d"
	mkdir -p "$work/root" "$work/repos.d"
	cp "$work/all.repo" "$work/repos.d/"
	capture "$oracle" "${told[@]}" "$work/root" "$work/repos.d" "$platform" "$releasever" x86_64 "$@"
	if ((status == 2)); then
		skip "$name: the same set as dnf" "dnf is not installed"
		return
	elif ((status)); then
		not_ok "$name" "dnf:" "$err"
		return
	fi
	sort <<<"$out" >"$work/dnf.txt"
	if ! diff "$work/dnf.txt" "$work/ours.txt" >"$work/diff"; then
		not_ok "$name: the same set as dnf" "$(<"$work/diff")"
	elif ((count && $(wc -l <"$work/ours.txt") != count)); then
		not_ok "$name: the same set as dnf" "$(wc -l <"$work/ours.txt") packages, not $count"
	else
		ok "$name: the same set as dnf"
	fi
}

# --- what needs no data ---
: >"$work/all.repo"
definition platform:el8 a
expect "a .repo file that defines nothing is a mistake of configuration" 3 "b.yaml:3:8: no repository is enabled" resolve
sed -i 's/all.repo/gone.repo/' "$work/b.yaml"
expect "a .repo file that is not there is one too" 3 "gone.repo" resolve
expect "a definition that is not there is a mistake of usage" 2 "nowhere.yaml" \
	"$bundle" resolve -f "$work/nowhere.yaml" -o "$work/b.lock"
definition platform:el8 a 'pakages: []'
expect "an unknown key is told with its place" 3 "b.yaml:5:1: unknown key 'pakages' (did you mean 'packages'?)" resolve
one_line "that is one line"
mkdir "$work/empty"
add_repo gone "$work/empty"
definition platform:el8 a
expect "a repository that is not there is a failure of the network" 4 "repository 'gone'" resolve
definition platform:el8 a 'trust: {gome: [567E347AD0044ADE55BA8A5F199E2F91FD431D51]}'
expect "a pin for a repository that is not there is a mistake" 3 "b.yaml:5:9: no repository 'gome'" resolve
echo 'sslverify=0' >>"$work/all.repo"
expect "sslverify=0 is refused" 3 "all.repo:5: 'sslverify' is not supported" resolve
if [[ -e $work/b.lock ]]; then not_ok "a failure leaves no lock"; else ok "a failure leaves no lock"; fi

# --- hostile metadata ---
# made_repo NAME: a repository of one package's metadata, digests as they should be
made_repo() {
	local dir=$work/$1/repodata primary
	mkdir -p "$dir"
	primary='<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="1">
<package type="rpm"><name>a</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/>
<checksum type="'${2:-sha256}'" pkgid="YES">'$(printf x | "${2:-sha256}sum" | cut -d' ' -f1)'</checksum><summary>'$1'</summary>
<size package="5" installed="5" archive="5"/><location '${4:-}' href="'${3:-a-1-1.noarch.rpm}'"/>
<format><rpm:license>MIT</rpm:license><rpm:provides><rpm:entry name="a" flags="EQ" epoch="0" ver="1" rel="1"/></rpm:provides></format>
</package></metadata>'
	printf '%s\n' "$primary" >"$dir/primary.xml"
	repomd "$1"
}
repomd() { # NAME [DIGEST]
	local file=$work/$1/repodata/primary.xml
	printf '<repomd xmlns="http://linux.duke.edu/metadata/repo"><data type="primary"><checksum type="sha256">%s</checksum><location href="%s"/><size>%d</size></data></repomd>\n' \
		"${2:-$(sha256sum <"$file" | cut -d' ' -f1)}" "${3:-repodata/primary.xml}" "$(stat -c %s "$file")" >"$work/$1/repodata/repomd.xml"
}
try_repo() { # NAME STATUS TEXT REPO
	: >"$work/all.repo"
	add_repo "$4" "$work/$4"
	definition platform:el8 a
	expect "$1" "$2" "$3" resolve
}

made_repo good
try_repo "a repository made by hand resolves" 0 "1 package " good
made_repo changed
sed -i 's/MIT/BSD/' "$work/changed/repodata/primary.xml"
try_repo "metadata with one changed word is refused" 5 "primary.xml" changed
made_repo cut
truncate -s -1 "$work/cut/repodata/primary.xml"
try_repo "metadata that is cut short is refused" 5 "primary.xml" cut
made_repo outside
repomd outside "" ../../etc/primary.xml
try_repo "metadata outside the repository is refused" 5 "no plain path for 'primary'" outside
made_repo weak md5
try_repo "a package without SHA-256 is refused" 5 "gives no SHA-256 of 'a-1-1.noarch'" weak
made_repo climbing sha256 ../../../root/a.rpm
try_repo "a package outside the repository is refused" 5 "" climbing
made_repo elsewhere sha256 a.rpm 'xml:base="https://evil.example/"'
try_repo "a package on another server is refused" 5 "xml:base" elsewhere
made_repo broken
echo '<metadata><package' >"$work/broken/repodata/primary.xml"
repomd broken
try_repo "metadata that is no XML is refused" 5 "repository 'broken'" broken
# A hundred million spaces, packed in each way that metadata comes in.
for packer in "gzip -9 gz" "xz -1 xz" "bzip2 -1 bz2" "zstd -q zst"; do
	read -r program option suffix <<<"$packer"
	if ! command -v "$program" >/dev/null; then
		skip "metadata of .$suffix that unpacks to a thousand times its size is refused" "$program is not installed"
		continue
	fi
	made_repo "bomb-$suffix"
	{
		cat "$work/bomb-$suffix/repodata/primary.xml"
		head -c 100M /dev/zero | tr '\0' ' '
	} | "$program" "$option" -c >"$work/primary.packed"
	mv "$work/primary.packed" "$work/bomb-$suffix/repodata/primary.xml"
	repomd "bomb-$suffix"
	mv "$work/bomb-$suffix/repodata/primary.xml" "$work/bomb-$suffix/repodata/primary.xml.$suffix"
	sed -i "s/primary\.xml/primary.xml.$suffix/" "$work/bomb-$suffix/repodata/repomd.xml"
	try_repo "metadata of .$suffix that unpacks to a thousand times its size is refused" 5 "it unpacks to more than" \
		"bomb-$suffix"
done

# --- real metadata ---
app=$data/repodata/cs9-appstream-osbuild
base=$data/repodata/cs9-baseos-osbuild-images
if [[ ! -d $app || ! -d $base ]]; then
	skip "CentOS Stream 9" "$data/repodata is not here"
elif grep -q __asan_init "$bundle"; then
	# libsolv grows its arrays by reallocating them, which AddressSanitizer makes eighty times as slow.
	skip "CentOS Stream 9" "not under AddressSanitizer; the lab's repositories are"
else
	: >"$work/all.repo"
	add_repo appstream "$app"
	add_repo baseos "$base"
	judge "CentOS Stream 9: haproxy, keepalived, python3.12" platform:el9 9 185 haproxy keepalived python3.12
	cp "$work/b.lock" "$work/first.lock"
	for setting in LC_ALL=C.UTF-8 TZ=Pacific/Kiritimati; do
		expect "resolves with $setting" 0 "" env "$setting" "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$cache"
		expect "the same lock with $setting" 0 "" cmp "$work/first.lock" "$work/b.lock"
	done
	expect "the same lock with an empty cache" 0 "" "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$work/other"
	expect "byte for byte" 0 "" cmp "$work/first.lock" "$work/b.lock"
	expect "a requested package's reason" 0 "reason: requested" grep -A 6 'nevra: haproxy-2' "$work/b.lock"
	expect "a required package's reason" 0 'reason: "package haproxy-' grep -A 6 'nevra: systemd-249' "$work/b.lock"
	capture "$bundle" urls --lock "$work/b.lock"
	if ((status == 0)) && [[ $(wc -l <<<"$out") == 185 ]] &&
		grep -qx "file://$(realpath "$app")/Packages/haproxy-2.4.22-4.el9.x86_64.rpm" <<<"$out"; then
		ok "urls prints one URL a package"
	else
		not_ok "urls prints one URL a package" "$out" "$err"
	fi
	sed -i 's,path: Packages/,path: ../Packages/,' "$work/b.lock"
	expect "urls refuses a lock that climbs" 3 "b.lock:" "$bundle" urls --lock "$work/b.lock"
	rm "$work/b.lock"

	definition platform:el9 postgresql-server
	expect "an unsolvable request says why" 4 \
		"postgresql-server-13.18-1.el9.x86_64 (appstream) requires libldap.so.2()(64bit), which no repository has" resolve
	one_line "the reasons are details below one line"
	definition platform:el9 haproxi
	expect "an unknown package is told with a near name" 4 \
		"b.yaml:4:12: no package 'haproxi' (requested) in any repository (did you mean 'haproxy'?)" resolve
	definition platform:el9 mariadb-devel
	expect "a package of module streams alone is hidden, and told so" 4 \
		"no package 'mariadb-devel' (requested): it belongs to mariadb:10.11, and that stream is not enabled" resolve
	definition platform:el9 mariadb
	expect "a name that streams have too" 0 "" resolve
	expect "is the build outside of them" 1 "" grep -q 'nevra: .*module_el9' "$work/b.lock"
	cp "$work/all.repo" "$work/plain.repo"
	echo 'includepkgs=acl,bash' >>"$work/all.repo"
	definition platform:el9 haproxy
	expect "includepkgs hides the rest" 4 \
		"systemd-libs-249-9.el9.x86_64 (baseos) cannot be chosen: includepkgs of repository 'baseos' (" resolve
	cp "$work/plain.repo" "$work/all.repo"
	echo 'excludepkgs=ac?,kernel*' >>"$work/all.repo"
	definition platform:el9 acl
	expect "a package that excludepkgs hides is told so" 4 "excludepkgs=ac? of repository 'baseos' (" resolve
	cp "$work/plain.repo" "$work/all.repo"
fi

# --- the lab's repositories, where they have been built ---
if [[ ! -d $lab_repos/baseos/repodata ]]; then
	skip "the lab's repositories" "not built here: make demo builds them"
else
	: >"$work/all.repo"
	add_repo baseos "$lab_repos/baseos"
	add_repo appstream "$lab_repos/appstream"
	add_repo pgdg17 "$lab_repos/pgdg17"
	add_repo pgdg-common "$lab_repos/pgdg-common"
	add_repo pgdg-rhel8-extras "$lab_repos/pgdg-rhel8-extras" includepkgs=etcd,haproxy
	definition platform:el8 postgresql17-server
	expect "the default stream hides PGDG's server" 4 "no package 'postgresql17-server' (requested): the active stream \
postgresql:10 hides it" resolve
	rm -rf "$work/root" "$work/repos.d"
	mkdir -p "$work/root" "$work/repos.d"
	cp "$work/all.repo" "$work/repos.d/"
	capture "$oracle" "$work/root" "$work/repos.d" platform:el8 8 x86_64 postgresql17-server
	if ((status == 2)); then
		skip "dnf hides it too" "dnf is not installed"
	elif ((status == 1)) && [[ $err == *"filtered out by modular filtering"* ]]; then
		ok "dnf hides it too"
	else
		not_ok "dnf hides it too" "exit status $status" "$out" "$err"
	fi
	judge "the server of the default stream" platform:el8 8 2 postgresql-server
	modules='modules: {enable: ["postgresql:13"]}' told=(--enable postgresql:13)
	judge "the server of another stream" platform:el8 8 2 postgresql-server
	modules='modules: {disable: [postgresql]}' told=(--disable postgresql)
	judge "the lab's services" platform:el8 8 0 etcd postgresql17-server haproxy pgbouncer python3.13 keepalived
fi
finish
