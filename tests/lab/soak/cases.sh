# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# The cases of the soak test, and how they are judged. Sourced by soak.sh after scene.sh; build/soak/cases gets a line for each, GROUP
# and a command, and build/soak/results one when it is over: GROUP, CASE, VERDICT (ok or FAIL), SECONDS, what was seen; tabs between.

# A run that is killed, in three states of the machine, and the one that nobody disturbs.
declare -A BEGINS=([install]=fresh [upgrade]=one [rollback]=two [uninstall]=one)
declare -A BUNDLE=([install]=one [upgrade]=two [rollback]=two [uninstall]=one)
declare -A TOOK=() # seconds
CASE_GROUP='' CASE_NUMBER=0

cases_run() {
	: >"$DEMO/results.new"
	step 'runs that nobody disturbs' cases_references
	cases_list | awk 'NF' >"$DEMO/cases"
	log "$(wc -l <"$DEMO/cases") cases, $jobs at a time"
	workers_run
	sort -n "$DEMO/results.new" | cut -f 2- >"$DEMO/results"
}

# What matters most comes first: the time may be over before all of them are.
cases_list() {
	local verb
	if [[ $parts == *kills* && ! $sample ]]; then
		for verb in "${VERBS[@]}"; do kills_list "$verb" "$verb" lines; done
	fi
	[[ $parts != *power* ]] || power_list
	[[ $parts != *faults* ]] || faults_list
	[[ $parts != *turns* ]] || turns_list
	if [[ $parts == *kills* && ! $journal ]]; then
		for verb in "${VERBS[@]}"; do kills_list "$verb" "$verb" "${sample:+all}"; done
	fi
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
		! grep '^broken ' "$DEMO/before.$verb" "$DEMO/after.$verb" || die 'a state cannot be told'
		case $verb in
		install) scene_keep one ;;
		upgrade) scene_keep two ;;
		rollback) reference_back upgrade "$DEMO/after.rollback" ;;
		uninstall) reference_back install "$DEMO/after.uninstall" ;;
		esac
	done
	reference_blind
	for verb in install upgrade; do
		[[ $parts != *turns* ]] || ! does "$verb" || reference_failure "$verb"
	done
}

# What is undone by hand is what was before.
reference_back() {
	back_again "$1" "$2" >"$DEMO/log/back.$1" || die "$1 is not undone: see $DEMO/log/back.$1"
}

# Without its data base rpm has nothing to say of any file: that must not be taken for all being well.
reference_blind() {
	scene_machine fresh
	machine_exec "$NODE" sh -c 'mv /var/lib/rpm /var/lib/rpm.away; mkdir /var/lib/rpm; echo no >/var/lib/rpm/rpmdb.sqlite' </dev/null
	scene_snapshot | grep '^broken ' >/dev/null || die 'a snapshot without packages is taken for one'
}

# The points of a run that fails, from where it is taken back on: its staged files are gone by then.
reference_failure() {
	local verb=$1 status=0
	scene_machine "${BEGINS[$verb]}"
	scene_bundle "${BUNDLE[$verb]}"
	fault_drill start 'exit 1'
	verb_command "$verb" POINT_LOG=/root/points >"$DEMO/log/failure.$verb" 2>&1 || status=$?
	((status == 8)) || die "a unit that does not come up ends with $status: see $DEMO/log/failure.$verb"
	machine_exec "$NODE" cat /root/points </dev/null |
		awk '/ unlink .*\/staging$/ { n = 0; gone = 1; next } gone { line[n++] = $0 } END { for (i = 0; i < n; i++) print line[i] }' \
			>"$DEMO/points.failure-$verb"
	[[ -s $DEMO/points.failure-$verb ]] || die "no point of the restoring is known: see $DEMO/log/failure.$verb"
}

# case_result NAME YES SEEN
case_result() {
	local word=FAIL
	if $2; then word=ok; fi
	printf '%d\t%s\t%s\t%s\t%d\t%s\n' "$CASE_NUMBER" "$CASE_GROUP" "$1" "$word" $((SECONDS - case_start)) "$3" >>"$DEMO/results.new"
	printf '%-5s %s: %s: %s\n' "$word" "$CASE_GROUP" "$1" "$3"
}

# case_snapshot FILE: adds to seen, and judges, when it cannot be told.
case_snapshot() {
	scene_snapshot >"$1"
	! grep -q '^broken ' "$1" || good=false seen+=" $(grep -m 1 '^broken ' "$1");"
}

cases_sum() {
	awk -F '\t' -v all="$(wc -l <"$DEMO/cases")" '$3 == "ok" { p++ } $3 == "FAIL" { f++ }
		END { printf "%d passed, %d failed, %d skipped\n", p, f, all - p - f; exit f > 0 || p == 0 }' "$DEMO/results"
}

# --- kills ------------------------------------------------------------------------------------------------

# drawn NUMBER: so many of the lines on standard input, by the seed; without a number all of them.
drawn() { if [[ $1 ]]; then shuf -n "$1" --random-source=<(yes "$SEED"); else cat; fi; }
mixed() { shuf --random-source=<(yes "$SEED"); }

# does VERB: is it among those that were asked for?
does() { [[ " ${VERBS[*]} " == *" $1 "* ]]; }

# kill_points FILE KIND: "NUMBER DO LABEL" for the points of a run. "lines": those of the journal, each once, before the one and after the
# next. "": all others; before and after each write of the record, before each of the rest, but for the hundreds that fill the staging
# directory, and files of one package after the third. "all": both.
kill_points() {
	awk -v kind="$2" '{ label = $2 " " $3 }
		$2 == "fsync" && $3 ~ /\/journal$/ {
			first = n++ % 2 ? "after" : "kill"
			if (kind != "") print $1, first, label
			if (kind != "lines") print $1, first == "kill" ? "after" : "kill", label
			next
		}
		kind == "lines" { next }
		$2 == "fsync" && $3 ~ /\/entries$/ { print $1, "kill", label; print $1, "after", label; next }
		$3 ~ /\/staging\// || $3 ~ /part-/ && ++parts > 3 { next }
		$2 == "fork" { print $1, "after", label; print $1 + 1, "tree", label; next }
		{ print $1, "kill", label }' "$1"
}

# kills_list GROUP VERB KIND
kills_list() {
	local number how label
	kill_points "$DEMO/points.$2" "$3" | grep -E -- "${only:-.}" | mixed | drawn "$sample" |
		while read -r number how label; do
			printf '%s\tcase_kill\t%s\t%s\t%s\t%s\n' "$1" "$2" "$number" "$how" "$label"
		done || :
}

# case_kill VERB NUMBER HOW LABEL: killed there, and run again.
case_kill() {
	local verb=$1 status=0 name="$3 $2 ($4)" log=$DEMO/log/$1-$3-$2 good=true seen=''
	scene_machine "${BEGINS[$verb]}"
	verb_command "$verb" "POINT_AT=$2" "POINT_DO=$3" >"$log" 2>&1 || status=$?
	if ((status != 137)); then
		case_result "$name" false "was not killed: status $status"
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
	case_snapshot "$log.snap"
	if diff "$DEMO/after.$verb" "$log.snap" >"$log.diff"; then
		rm "$log.snap" "$log.diff"
	else
		good=false seen+=" $(grep -c '^[<>]' "$log.diff") lines differ, as $(grep -m 1 '^[<>]' "$log.diff")"
	fi
	case_result "$name" "$good" "${seen:-the same}"
}
