# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests that compare with dnf share.
# shellcheck source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

batch=$build/tests/solve-batch
tests_cli=$root/tests/cli
cache=$work/cache
host_inventory='' # of the host that make_host() made; '': an empty root
host_root=$work/host-root
stream_line='' stream_options=() # what both sides are told of module streams
# Where the lab keeps its repositories, when they are there: a build takes minutes and is the lab's own business.
# shellcheck disable=SC2034 # for the tests that source this
lab_repos=$("$root/tests/lab/repos-path.sh")

# repositories ID DIRECTORY …: what both sides read from now on
repositories() {
	rm -rf "$work/repos.d"
	mkdir "$work/repos.d"
	while (($#)); do
		printf '[%s]\nname=%s\nbaseurl=file://%s\ngpgcheck=0\n' "$1" "$1" "$(realpath "$2")"
		shift 2
	done >"$work/repos.d/all.repo"
}

# bundle_yaml PLATFORM WEAK PACKAGE…: $work/b.yaml
bundle_yaml() {
	local platform=$1 weak=$2 comma='' package
	shift 2
	{
		printf 'pgha: 1\nplatform: {id: "%s", arch: x86_64}\nrepos: [repos.d/all.repo]\nweak_deps: %s\n' "$platform" "$weak"
		[[ -z $host_inventory ]] || printf 'baseline: %s\n' "$host_inventory"
		[[ -z $stream_line ]] || printf '%s\n' "$stream_line"
		printf 'packages: ['
		for package in "$@"; do
			printf '%s"%s"' "$comma" "$package"
			comma=', '
		done
		printf ']\n'
	} >"$work/b.yaml"
}

# same_answers NAME REQUESTS WEAK PLATFORM RELEASEVER: ours and dnf's are equal but for what $tests_cli/known-differences says
same_answers() {
	local name=$1 requests=$2 weak=$3 platform=$4 dnf_root=$work/dnf-root options=("${stream_options[@]}")
	bundle_yaml "$platform" "$weak"
	capture "$batch" "$work/b.yaml" "$cache" "$requests"
	if ((status)); then
		not_ok "$name" "$err"
		return
	fi
	cp "$work/.out" "$work/ours"
	[[ $weak == false ]] || options+=(--weak)
	# A root each time, but for the module streams of which dnf keeps a record there.
	rm -rf "$dnf_root"
	mkdir "$dnf_root"
	if [[ -n $host_inventory ]]; then
		cp -R "$host_root/var" "$dnf_root/"
		options+=(--installed)
	fi
	capture "$tests_cli/dnf_oracle.py" --cache "$work/dnf-cache" "${options[@]}" --batch "$requests" "$dnf_root" "$work/repos.d" "$platform" "$5" x86_64
	if ((status == 2)); then
		skip "$name" "dnf is not installed"
		return
	elif ((status)); then
		not_ok "$name" "dnf:" "$err"
		return
	fi
	cp "$work/.out" "$work/dnf"
	{ grep -F "$name"$'\t' "$tests_cli/known-differences" || test $? = 1; } | cut -f 2- >"$work/known"
	capture "$tests_cli/compare_answers.py" "$requests" "$work/ours" "$work/dnf" "$work/known"
	if ((status)); then
		not_ok "$name: the same as dnf" "$out" "$err"
	else
		ok "$name: the same as dnf, $out"
	fi
}

# choose FILE PLATFORM PACKAGE…: the NEVRAs of a closure, a line each
choose() {
	local file=$1 platform=$2
	shift 2
	bundle_yaml "$platform" false
	(
		IFS=$'\t'
		printf '%s\n' "$*"
	) >"$work/choose"
	capture "$batch" "$work/b.yaml" "$cache" "$work/choose"
	[[ $out == ok* ]] || not_ok "a closure to begin with" "$out" "$err"
	tr '\t' '\n' <<<"$out" | tail -n +2 >"$file"
}

# make_host NEVRAS REPOSITORY…: a root whose rpm database has these packages, and its inventory
make_host() {
	local file=$1 by_rpm=$work/by-rpm
	shift
	rm -rf "$host_root" "$work/host-work"
	capture "$tests_cli/make_root.py" "$host_root" "$work/host-work" "$file" "$@"
	if ((status)); then
		not_ok "a host" "$err" "$out"
		return
	fi
	host_inventory=$work/host.inv
	expect "the inventory of a host of $(wc -l <"$file") packages" 0 "" "$install" inventory --root "$host_root" -o "$host_inventory"
	# The documented command gives the same facts; the order of packages is the database's.
	sed -n "s/^rpm -qa --qf '\(.*\)' >node.inv\$/\1/p" "$root/docs/inventory.md" >"$work/format"
	rpm --dbpath "$host_root/var/lib/rpm" -qa --qf "$(<"$work/format")" >"$by_rpm"
	expect "is what rpm says" 0 "" cmp <(sort "$by_rpm") <(sort "$host_inventory")
	expect "the same each time" 0 "" cmp <("$install" inventory --root "$host_root") "$host_inventory"
}

# closed NAME PLATFORM REPOSITORY… -- PACKAGE…: dnf repoclosure finds nothing missing in what was chosen
closed() {
	local name=$1 platform=$2 repos=()
	shift 2
	while [[ $1 != -- ]]; do
		repos+=("$1")
		shift
	done
	shift
	bundle_yaml "$platform" false "$@"
	expect "$name: resolves" 0 "" "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$cache"
	if ! dnf repoclosure --help >/dev/null 2>&1; then
		skip "$name: repoclosure" "dnf-plugins-core is not installed"
		return
	fi
	expect "$name: is cut out" 0 "" "$tests_cli/filter_repo.py" "$work/b.lock" "$work/cut" '' "${repos[@]}"
	expect "$name: nothing of $out packages is missing" 0 "" missing "$work/cut"
	expect "$name: is cut out again" 0 "" "$tests_cli/filter_repo.py" "$work/b.lock" "$work/hole" glibc "${repos[@]}"
	expect "$name: a missing package would be found" 1 "libc.so.6" missing "$work/hole"
}

# missing DIRECTORY: the requirements that dnf repoclosure finds unfulfilled there; fails when there are any. It does not look at
# the conditions of "(a if b)": where no package b was chosen the requirement does not hold.
# shellcheck disable=SC2317 # called through expect
missing() {
	local dep found=0
	rm -rf "$work/closure"
	: >"$work/dnf.conf"
	dnf -q --config "$work/dnf.conf" --installroot "$work/closure" --releasever 1 --setopt reposdir=/nowhere --setopt pluginconfpath=/nowhere \
		--setopt cachedir="$work/closure/cache" --setopt logdir="$work/closure" --setopt persistdir="$work/closure" \
		--setopt module_platform_id=platform:none --repofrompath "cut,file://$1" --repo cut \
		repoclosure --arch x86_64 --arch noarch --arch i686 >"$work/unresolved" 2>"$work/complaints" && return
	grep -q 'unresolved dependencies' "$work/complaints" || {
		cat "$work/complaints"
		return 2
	}
	while IFS= read -r dep; do
		[[ $dep == '    '* ]] || continue
		if [[ $dep =~ ^\ *\(.*\ if\ ([^\ ]*)\)$ ]] && ! grep -q "<name>${BASH_REMATCH[1]}</name>" "$1/repodata/primary.xml"; then
			continue
		fi
		echo "$dep"
		found=1
	done <"$work/unresolved"
	return $found
}
