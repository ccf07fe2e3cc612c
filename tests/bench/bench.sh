#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures pgha-bundle and pgha-install beside stock tools, prints the table, and leaves it in BUILD/bench/results.json.
# usage: bench.sh BUILD [--docs]          --docs: writes docs/benchmarks.md and its plot as well
#
# RUNS=N (5) rounds; ONLY='resolve fetch build verify packages scale' chooses, and leaves what was measured of the others; FACTORS=1,2,4,8 of `scale`; BUILD_MIB=4096 of `build` and `verify`; PGHA_LAB_RUN=DIR another place than a new one
# for the lab's web server. What needs root, or data that is not here, is skipped and said.

# shellcheck source=tests/lab/serve.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../lab/serve.sh"
# shellcheck source=tests/bench/many.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/many.sh"

build=$(realpath -- "$1")
docs=${2:-}
data=$LAB_TOP/../shared/data
here=$LAB_TOP/tests/bench
results=$build/bench/${RESULTS:-results.json}
runs=${RUNS:-5}

measure() { # NAME [OPTION...]
	local name=$1
	shift
	"$here/bench.py" "$name" --build "$build" --out "$results" --work "$work/$name" --runs "$runs" "$@"
}

bench_resolve() { measure resolve --data "$data"; }
bench_scale() { measure scale --data "$data" --factors "${FACTORS:-1,2,4,8}"; }
bench_fetch() {
	local many
	many=$(many_repo)
	serve_start "$work"
	measure fetch --many "$many" --lab "$work/repos"
	serve_stop "$work"
}

build_scene() {
	local packages=100 mib=${BUILD_MIB:-4096}
	[[ ! -d $work/build-scene ]] || return 0
	"$LAB_TOP/tests/cli/make_bundle.sh" "$work/build-scene" "$packages" $((mib * 1024 / packages)) 2>"$work/build-scene.log" ||
		die "see $(<"$work/build-scene.log")"
}

bench_build() {
	build_scene
	measure build --scene "$work/build-scene"
	rm -rf "$work/build"
}

bench_verify() {
	build_scene
	measure verify --scene "$work/build-scene"
	rm -rf "$work/verify"
}

bench_packages() {
	local image repos
	image=$(lab_image)
	repos=$(lab_repos)
	measure packages --image "$image" --repos "$repos"
}

# What a bench.py that was killed left.
unmount_root() {
	! mountpoint -q "$work/packages/root" || umount "$work/packages/root"
}

# why_not NAME: prints what it lacks here.
why_not() {
	case $1 in
	fetch | packages) ((EUID == 0)) || echo "the lab's repositories need root" ;;
	build | verify) (($(df --output=avail -m "$work" | tail -n 1) > ${BUILD_MIB:-4096} * 8)) || echo "$work has no room for eight times ${BUILD_MIB:-4096} MiB" ;;
	resolve | scale) [[ -d $data/repodata ]] || echo "$data/repodata is not here" ;;
	*) echo "no such benchmark" ;;
	esac
}

need_commands dnf curl python3 sha256sum
work=$(mktemp -d /var/tmp/pgha-bench.XXXXXX)
trap 'serve_stop "$work"; unmount_root; rm -rf --one-file-system "$work"' EXIT
chmod 0755 "$work" # the web server's account reads there
mkdir -p "$build/bench"
[[ -n ${ONLY:-} ]] || rm -f "$results"
for name in ${ONLY:-resolve fetch build verify packages scale}; do
	lacking=$(why_not "$name")
	if [[ -n $lacking ]]; then
		echo "skip $name: $lacking"
	else
		"bench_$name"
	fi
done
[[ -z $docs ]] || "$here/report.py" "$results" "$LAB_TOP/docs"
