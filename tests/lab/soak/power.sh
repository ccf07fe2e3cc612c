# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# SPDX-License-Identifier: Apache-2.0
#
# The machine itself is killed, at random instants of an installation and of its successor, every other time with a scriptlet that takes
# its time. Sourced by soak.sh after cases.sh. The kernel lives on, and with it what it has not written yet: that a disk loses
# nothing which was synced is not shown here.

SCENE_SLOW=(pre post posttrans)

power_list() {
	local count=${sample:-20} i verb slow at draws
	# Read at once: what a case runs draws numbers too.
	mapfile -t draws < <(awk -v seed="$SEED" -v n="$count" 'BEGIN { srand(seed); for (i = 0; i < n; i++) print rand() }')
	for ((i = 0; i < count; i++)); do
		verb=install slow=''
		((i % 4 < 2)) || verb=upgrade
		does "$verb" || continue
		((i % 2)) || slow=${SCENE_SLOW[i / 2 % 3]}
		# The run takes as long as the one that nobody disturbed, and three seconds more in a slow scriptlet.
		at=$(awk -v draw="${draws[i]}" -v all="${TOOK[$verb]}" -v slow="${slow:+3}" 'BEGIN { printf "%.2f", draw * (all + slow) }')
		printf 'power loss, %s\tcase_power\t%s\t%s\t%s\n' "$verb" "$verb" "$at" "${slow:--}"
	done
}

# What was begun may have failed at boot: that is the next run's to mend.
scene_again() {
	local try state=''
	machine_launch "$NODE" ''
	for ((try = 0; try < 600; try++)); do
		state=$(machine_exec "$NODE" systemctl is-system-running </dev/null 2>/dev/null) || :
		[[ $state != running && $state != degraded ]] || return 0
		sleep 0.1
	done
	log "the machine did not come up again: ${state:-no answer}"
	return 1
}

# case_power VERB SECONDS SLOW
case_power() {
	local verb=$1 slow=${3#-}
	local name="after $2 s${slow:+, %$slow sleeping}" log=$DEMO/log/power-$1-$2 good=true seen='' status=0 run last=''
	scene_machine "${BEGINS[$verb]}"
	scene_bundle "${BUNDLE[$verb]}"
	[[ -z $slow ]] || fault_drill "$slow" 'sleep 3'
	verb_command "$verb" >"$log" 2>&1 &
	run=$!
	sleep "$2"
	machine_power_off_hard "$NODE"
	wait "$run" || :
	last=$(tail -n 1 "$LAB_RUN/machines/$NODE/upper/var/lib/pgha/journal" 2>/dev/null | cut -d' ' -f3-) || :
	scene_again
	verb_command "$verb" >>"$log" 2>&1 || status=$?
	((status == 0)) || { good=false seen="the next run ended with $status: $(tail -n 1 "$log");"; }
	case_snapshot "$log.snap"
	if diff <(fault_promised "$DEMO/after.$verb") <(fault_promised "$log.snap") >"$log.diff"; then
		rm "$log.snap" "$log.diff"
	else
		good=false seen+=" $(grep -c '^[<>]' "$log.diff") lines differ, as $(grep -m 1 '^[<>]' "$log.diff")"
	fi
	case_result "$name" "$good" "${seen:-the same; the journal ended with: ${last:-nothing}}"
}
