#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What survives: an installation, its successor, a rollback and an uninstallation, killed at each point where they reach the disk or
# start a process; the machine itself, killed at random instants; and everything that can fail, failing. Each case begins
# with a machine of its own, in the same state, and its end is compared with that of a run that nobody disturbed. Needs root;
# build/soak keeps logs and results.
#
#	soak.sh [OPTION…]
#		--parts 'kills power faults turns'    only these
#		--verbs 'install upgrade rollback uninstall'
#		--sample N      so many cases of each kind, drawn by the seed
#		--journal       kills around lines of the journal alone
#		--only PATTERN  kills and faults whose name has it
#		--jobs N        so many at a time (default: one more than there are processors)
#		--minutes N     no case begins after that; the results say how many did not
#		--docs FILE     writes the results there
#
# SEED=N repeats what is random, and is printed.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/common.sh
. "$here/common.sh"
# shellcheck source=tests/lab/machines.sh
. "$here/machines.sh"
# shellcheck source=tests/lab/prepare.sh
. "$here/prepare.sh"
# shellcheck source=tests/lab/demo.sh
. "$here/demo.sh"
# shellcheck source=tests/lab/soak/scene.sh
. "$here/soak/scene.sh"
# shellcheck source=tests/lab/soak/cases.sh
. "$here/soak/cases.sh"
# shellcheck source=tests/lab/soak/power.sh
. "$here/soak/power.sh"
# shellcheck source=tests/lab/soak/faults.sh
. "$here/soak/faults.sh"
# shellcheck source=tests/lab/soak/turns.sh
. "$here/soak/turns.sh"
# shellcheck source=tests/lab/soak/workers.sh
. "$here/soak/workers.sh"
need_root soak

DEMO=$LAB_TOP/build/soak
LAB_SECRETS=$DEMO/secrets
LAB_TOPOLOGY=$here/soak/topology.yaml
SEED=${SEED:-$((SRANDOM % 1000000))}
sample='' only='' docs='' journal='' parts='kills power faults turns' jobs=$(($(nproc) + 1)) minutes='' worker='' home='' states='' verbs='install upgrade rollback uninstall'

asked=$*
while (($# > 0)); do
	case $1 in
	--sample | --only | --parts | --verbs | --docs | --jobs | --minutes | --worker | --home | --states)
		declare "${1#--}=${2:?}"
		shift
		;;
	--journal) journal=1 ;;
	*)
		log "unknown option '$1'"
		exit 2
		;;
	esac
	shift
done
# shellcheck disable=SC2034 # cases.sh
read -ra VERBS <<<"$verbs"
read -r NODE ADDRESS _ < <("$here/topology.py" "$LAB_TOPOLOGY")
end=${minutes:+$((EPOCHSECONDS + 60 * minutes))}
LAB_STATE=$(mktemp -d "${home:-/var/tmp}/pgha-soak-XXXXXX")

cleanup() {
	local status=$?
	trap - EXIT
	workers_end
	[[ -z ${LAB_RUN:-} ]] || serve_stop "$LAB_RUN"
	lab_down || status=1
	rm -rf --one-file-system "$LAB_STATE"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

main() {
	lab_begin
	scene_build
	lab_need_inotify $((jobs + 1))
	lab_net_up
	log "SEED=$SEED"
	cases_run
	# Beside it first: it names the commit, and must not be what makes that dirty.
	[[ -z $docs ]] || {
		"$here/soak/report.py" "$DEMO/results" "$DEMO/cases" "$SEED" "$SECONDS" "$jobs" "${asked:-all of it}" >"$docs.new"
		mv "$docs.new" "$docs"
	}
	cases_sum
}
if [[ $worker ]]; then worker_run; else main; fi
