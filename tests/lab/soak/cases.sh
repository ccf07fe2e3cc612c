# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# The cases of the soak test, and how they are judged. Sourced by soak.sh after scene.sh; build/soak/results gets a line for
# each: GROUP, CASE, VERDICT (ok or FAIL), SECONDS, what was seen, tabs between.

# A run that is killed, in three states of the machine, and the one that nobody disturbs.
declare -A BEGINS=([install]=fresh [upgrade]=one [rollback]=two [uninstall]=one)
declare -A BUNDLE=([install]=one [upgrade]=two [rollback]=two [uninstall]=one)
declare -A TOOK=() # seconds

cases_run() {
	: >"$DEMO/results"
	step 'runs that nobody disturbs' cases_references
	[[ $parts != *power* ]] || cases_power
	[[ $parts != *kills* ]] || cases_kills
	[[ $parts != *faults* ]] || cases_faults
}

# verb_command VERB [NAME=VALUE…] [-- OPTION…]
verb_command() {
	local verb=$1
	shift
	scene_bundle "${BUNDLE[$verb]}"
	case $verb in
	install | upgrade) scene_command install "$@" ;;
	uninstall) scene_command uninstall "$@" -- --remove-data /var/lib/redis --remove-data /var/lib/drill ;;
	*) scene_command "$verb" "$@" ;;
	esac
}

# The states, the end of each run, and its points.
cases_references() {
	local verb from
	for verb in install upgrade rollback uninstall; do
		# The others begin with what these two leave.
		does "$verb" || [[ $verb == install || $verb == upgrade ]] || continue
		[[ $verb != upgrade || ${VERBS[*]} != install ]] || continue
		scene_machine "${BEGINS[$verb]}"
		scene_snapshot >"$DEMO/before.$verb"
		machine_exec "$NODE" rm -f /root/points </dev/null
		from=$EPOCHREALTIME
		verb_command "$verb" POINT_LOG=/root/points >"$DEMO/log/$verb" 2>&1 || die "$verb failed: see $DEMO/log/$verb"
		TOOK[$verb]=$(awk -v from="$from" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.2f", to - from }')
		machine_exec "$NODE" cat /root/points </dev/null >"$DEMO/points.$verb"
		scene_snapshot >"$DEMO/after.$verb"
		case $verb in
		install) scene_keep one ;;
		upgrade) scene_keep two ;;
		esac
	done
}

# case_result GROUP NAME YES SEEN
case_result() {
	local word=FAIL
	if $3; then word=ok; fi
	printf '%s\t%s\t%s\t%d\t%s\n' "$1" "$2" "$word" $((SECONDS - case_start)) "$4" >>"$DEMO/results"
	printf '%-5s %s: %s: %s\n' "$word" "$1" "$2" "$4"
}

cases_sum() {
	awk -F '\t' '$3 == "ok" { p++ } $3 == "FAIL" { f++ } END { printf "%d passed, %d failed, 0 skipped\n", p, f; exit f > 0 || p == 0 }' \
		"$DEMO/results"
}

# --- kills ------------------------------------------------------------------------------------------------

# drawn NUMBER: so many of the lines on standard input, by the seed; without a number all of them.
drawn() { if [[ $1 ]]; then shuf -n "$1" --random-source=<(yes "$SEED"); else cat; fi; }

# does VERB: is it among those that were asked for?
does() { [[ " ${VERBS[*]} " == *" $1 "* ]]; }

# The points of VERB's run: "NUMBER DO LABEL". Before and after each write of the journal and of the record; before each of the others,
# but for the hundreds that fill the staging directory, and files of one package after the third. With $journal those of the
# journal alone, before the one and after the next.
kill_points() {
	awk -v journal="$journal" '{ label = $2 " " $3 }
		journal { if ($2 == "fsync" && $3 ~ /\/journal$/) print $1, n++ % 2 ? "after" : "kill", label; next }
		$2 == "fsync" && $3 ~ /\/(journal|entries)$/ { print $1, "kill", label; print $1, "after", label; next }
		$3 ~ /\/staging\// || $3 ~ /part-/ && ++parts > 3 { next }
		$2 == "fork" { print $1, "after", label; print $1 + 1, "tree", label; next }
		{ print $1, "kill", label }' "$DEMO/points.$1"
}

cases_kills() {
	local verb number how label
	for verb in "${VERBS[@]}"; do
		while read -r number how label <&3; do
			case_kill "$verb" "$number" "$how" "$label"
		done 3< <(kill_points "$verb" | grep -E -- "${only:-.}" | drawn "$sample")
	done
}

# case_kill VERB NUMBER HOW LABEL: killed there, and run again.
case_kill() {
	local verb=$1 status=0 name="$3 $2 ($4)" log=$DEMO/log/$1-$3-$2 good=true seen=''
	case_start=$SECONDS
	scene_machine "${BEGINS[$verb]}"
	verb_command "$verb" "POINT_AT=$2" "POINT_DO=$3" >"$log" 2>&1 || status=$?
	if ((status != 137)); then
		case_result "$verb" "$name" false "was not killed: status $status"
		return
	fi
	status=0
	verb_command "$verb" >>"$log" 2>&1 || status=$?
	# Killed at its very end, there is nothing left to take back.
	if [[ $verb != *install && $verb != upgrade || $verb == uninstall ]] && ((status == 2)) &&
		tail -n 3 "$log" | grep -E 'nothing is installed here|the first that this machine knows' >/dev/null; then
		status=0
	fi
	((status == 0)) || { good=false seen="the next run ended with $status: $(tail -n 1 "$log")"; }
	scene_snapshot >"$log.snap"
	if diff "$DEMO/after.$verb" "$log.snap" >"$log.diff"; then
		rm "$log.snap" "$log.diff"
	else
		good=false seen+=" $(grep -c '^[<>]' "$log.diff") lines differ"
	fi
	case_result "$verb" "$name" "$good" "${seen:-the same}"
}
