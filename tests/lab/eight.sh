# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# How long the eight machines of topology.yaml take, from the bundle in their hands to every probe of the cluster: one after the
# other, and all side by side, on new machines each time. Sourced by topologies.sh; tests/bench/cluster.py reads the logs.

topology_eight() {
	eight_round 'in sequence' 1
	topology_remove
	eight_round 'side by side' ${#NODES[@]}
	"$LAB_TOP/tests/bench/cluster.py" "$DEMO/log" "$LAB_TOP/build/bench/results.json"
}

# eight_round NAME JOBS: logs go to log/NAME; the last line of log/NAME/wall is the time of all, in seconds.
eight_round() {
	local log=$DEMO/log/$1 from to node
	mkdir -p "$log"
	topology_boot
	for node in "${NODES[@]}"; do topology_carry "$node"; done
	EIGHT_LOG=$1
	from=$EPOCHREALTIME
	PGHA_JOBS=$2 demo_each timed "${NODES[@]}"
	PGHA_JOBS=$2 demo_each green "${NODES[@]}"
	to=$EPOCHREALTIME
	awk -v from="$from" -v to="$to" 'BEGIN { printf "%.1f\n", to - from }' >"$log/wall"
	log "eight machines $1: $(<"$log/wall") s"
}

demo_timed_node() { demo_logged "$1" "$EIGHT_LOG/$1.log" --bundle "$DEMO_MEDIA/${DEMO_BUNDLE##*/}"; }

# What the first ones could not do without their peers comes with the same command again.
demo_green_node() { demo_logged "$1" "$EIGHT_LOG/$1.green.log" --bundle "$DEMO_MEDIA/${DEMO_BUNDLE##*/}" --wait; }
