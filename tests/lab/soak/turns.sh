# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Killed, and then something else is wanted than before: an installation or its successor that is killed is rolled back, or uninstalled;
# and a run that fails is killed while it takes itself back. Sourced by soak.sh after faults.sh.

turns_list() {
	local verb
	for verb in install upgrade; do
		does "$verb" || continue
		turns_of "$verb, then rollback" case_turn "$verb" rollback "$DEMO/points.$verb" lines
		turns_of "$verb, then uninstall" case_turn "$verb" uninstall "$DEMO/points.$verb" lines
		turns_of "taking back a failed $verb, then the same again" case_restore "$verb" "$verb" "$DEMO/points.failure-$verb" all 40
		turns_of "taking back a failed $verb, then rollback" case_restore "$verb" rollback "$DEMO/points.failure-$verb" all 40
	done
}

# turns_of GROUP FUNCTION VERB THEN POINTS KIND [NUMBER]: so many of them, by the seed.
turns_of() {
	local number how label
	kill_points "$5" "$6" | grep -E -- "${only:-.}" | mixed | drawn "${sample:-${7:-}}" |
		while read -r number how label; do
			printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$number" "$how" "$label"
		done || :
}

# turn_end SNAPSHOT-THAT-IS-PROMISED: compares, in the caller's good and seen.
turn_end() {
	case_snapshot "$log.snap"
	if diff <(fault_promised "$1") <(fault_promised "$log.snap") >"$log.diff"; then
		rm "$log.snap" "$log.diff"
	else
		good=false seen+=" $(grep -c '^[<>]' "$log.diff") lines differ, as $(grep -m 1 '^[<>]' "$log.diff")"
	fi
}

# turn_command THEN: what it comes to is in status.
turn_command() {
	status=0
	case $1 in
	rollback | uninstall) scene_command "$1" >>"$log" 2>&1 || status=$? ;;
	*) verb_command "$1" >>"$log" 2>&1 || status=$? ;;
	esac
}

# case_turn VERB THEN NUMBER HOW LABEL
case_turn() {
	local verb=$1 then=$2 status=0 name="$4 $3 ($5)" log=$DEMO/log/turn-$1-$2-$4-$3 good=true seen='' end
	scene_machine "${BEGINS[$verb]}"
	verb_command "$verb" "POINT_AT=$3" "POINT_DO=$4" >"$log" 2>&1 || status=$?
	if ((status != 137)); then
		case_result "$name" false "was not killed: status $status"
		return
	fi
	turn_command "$then"
	end=$DEMO/before.$verb
	[[ $then == rollback ]] || end=$DEMO/before.install
	if ((status == 2)) && grep -q 'the first that this machine knows' "$log"; then
		# The commit was made: that is what the machine has.
		end=$DEMO/after.install status=0
	elif ((status == 2)) && grep -Eq 'there is nothing to take back|nothing is installed here' "$log"; then
		status=0
	fi
	((status == 0)) || { good=false seen="$then ended with $status: $(grep '^pgha-install: ' "$log" | tail -n 1)"; }
	turn_end "$end"
	case_result "$name" "$good" "${seen:-the same}"
}

# case_restore VERB THEN NUMBER HOW LABEL
case_restore() {
	local verb=$1 then=$2 status=0 name="$4 $3 ($5)" log=$DEMO/log/restore-$1-$2-$4-$3 good=true seen='' end
	scene_machine "${BEGINS[$verb]}"
	scene_bundle "${BUNDLE[$verb]}"
	fault_drill start 'exit 1'
	verb_command "$verb" "POINT_AT=$3" "POINT_DO=$4" >"$log" 2>&1 || status=$?
	if ((status != 137)); then
		case_result "$name" false "was not killed: status $status"
		return
	fi
	fault_end ''
	turn_command "$then"
	end=$DEMO/after.$verb
	[[ $then != rollback ]] || end=$DEMO/before.$verb
	# Everything was taken back already. Of a successor, that rollback goes one further, which is nothing here: there is but one.
	if [[ $then == rollback ]] && ((status == 2)) &&
		grep -Eq 'there is nothing to take back|the first that this machine knows' "$log"; then
		status=0
	fi
	((status == 0)) || { good=false seen="$then ended with $status: $(grep '^pgha-install: ' "$log" | tail -n 1)"; }
	turn_end "$end"
	case_result "$name" "$good" "${seen:-the same}"
}
