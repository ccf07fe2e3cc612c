# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Several cases at a time, each worker with a lab of its own: the machine has the same name and address in all of them. They take one
# line of build/soak/cases after the other. Sourced by soak.sh last.

WORKERS=()

workers_run() {
	local i failed=0
	echo 0 >"$DEMO/next"
	machine_remove "$NODE"
	for ((i = 1; i <= jobs; i++)); do
		SEED=$SEED SOAK_END=$end LAB_IMAGE=$LAB_IMAGE bash "$here/soak.sh" --worker "$i" --home "$LAB_STATE" --states "$LAB_RUN/states" &
		WORKERS+=($!)
	done
	for i in "${WORKERS[@]}"; do wait "$i" || failed=1; done
	WORKERS=()
	((failed == 0)) || die 'a worker failed'
}

workers_end() {
	local pid
	for pid in "${WORKERS[@]}"; do kill -TERM "$pid" 2>/dev/null || :; done
	for pid in "${WORKERS[@]}"; do wait "$pid" 2>/dev/null || :; done
}

# The next line that nobody has taken, in CASE_NUMBER; fails when there is none, or no time.
worker_next() {
	[[ ! $SOAK_END ]] || ((EPOCHSECONDS < SOAK_END)) || return 1
	exec {lock}>"$DEMO/next.lock"
	flock "$lock"
	CASE_NUMBER=$(($(<"$DEMO/next") + 1))
	echo "$CASE_NUMBER" >"$DEMO/next"
	exec {lock}>&-
	((CASE_NUMBER <= $(wc -l <"$DEMO/cases")))
}

worker_run() {
	local words
	lab_begin
	lab_net_up
	ln -s "$states" "$LAB_RUN/states"
	while worker_next; do
		IFS=$'\t' read -ra words < <(sed -n "${CASE_NUMBER}p" "$DEMO/cases")
		CASE_GROUP=${words[0]}
		case_start=$SECONDS
		# A shell of its own: what fails there without being judged ends this case, and no other.
		(worker_case "${words[@]:1}") &
		wait $! || case_result "${words[*]:1}" false 'the test itself failed'
	done
}

worker_case() { "$@"; }
