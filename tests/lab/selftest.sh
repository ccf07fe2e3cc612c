#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The lab's own promises: after `lab down`, after an interrupt in the middle, and after a SIGKILL followed by
# the next start, no mount, namespace, link or process of it is left, and no process of anybody else's is hit.
# Needs root; runs in a state directory of its own, beside any other lab.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/common.sh
. "$here/common.sh"
# shellcheck source=tests/lab/machines.sh
. "$here/machines.sh"
need_root selftest

if [[ -z ${LAB_IMAGE:-} ]]; then
	# shellcheck source=tests/lab/image.sh
	. "$here/image.sh"
	LAB_IMAGE=$(lab_image)
fi
LAB_STATE=$(mktemp -d /var/tmp/pgha-selftest-XXXXXX)
export LAB_IMAGE PGHA_LAB_STATE=$LAB_STATE
# The labs carry this in their environment: a second way to find what they leave, beside the cgroup.
MARK=PGHA_SELFTEST_MARK=$LAB_STATE
lab() { env "$MARK" "$here/lab" "$@"; }
passed=0 failed=0 bystander=''

cleanup() {
	trap - EXIT
	lab down || :
	[[ -z $bystander ]] || kill "$bystander" || :
	rm -rf --one-file-system "$LAB_STATE" "$LAB_STATE.log"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# --- what is there ------------------------------------------------------------------------------------------

# What the host shows of mounts, links and named namespaces.
host_listing() {
	awk '{ print "mount", $5 }' /proc/self/mountinfo | sort
	ip -o link | awk -F': ' '{ print "link", $2 }' | sort
	ip netns list | sed 's/^/netns /'
	find /run/systemd/nspawn -mindepth 1 2>/dev/null | sort || :
}

# When a process started, in ticks since boot: with its number, a name that is never given twice.
started() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# The lab that is up, by what identifies it: cgroup and processes. (The number of a namespace does not: the
# kernel soon gives it to another.)
lab_identity() {
	local pid
	lab_attach || return 1
	echo "pgha-lab-$LAB_ID"
	find "$(_cgroup_root)/pgha-lab-$LAB_ID" -name cgroup.procs -exec cat {} + | while read -r pid; do
		echo "process $pid $(started "$pid")"
	done
}

# namespaces IDENTITY: how many of them its processes have, without the host's.
namespaces() {
	local pid
	sed -n 's/^process \([0-9]*\) .*/\1/p' <<<"$1" | while read -r pid; do
		readlink "/proc/$pid/ns/net" "/proc/$pid/ns/mnt" "/proc/$pid/ns/pid" 2>/dev/null || :
	done | grep -vxF "$(readlink /proc/self/ns/net /proc/self/ns/mnt /proc/self/ns/pid)" | sort -u | wc -l
}

# earlier_processes IDENTITY: those of its processes that still run.
earlier_processes() {
	local pid start
	while read -r pid start; do
		[[ -z $start || $(started "$pid") != "$start" ]] || echo "process $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
	done < <(sed -n 's/^process //p' <<<"$1") 2>/dev/null
}

# remains IDENTITY: prints what is left of that lab; nothing when all is gone.
remains() {
	local file
	earlier_processes "$1"
	find "$(_cgroup_root)" -maxdepth 1 -name "pgha-lab-*" -printf '%f\n' | grep -xF "$1" || :
	grep -lzxF "$MARK" /proc/[0-9]*/environ 2>/dev/null | while read -r file; do
		echo "$file: $(tr '\0' ' ' 2>/dev/null <"${file%environ}cmdline")"
	done || :
	find "$LAB_STATE" -mindepth 1 ! -name lock
	diff <(host_listing) <(printf '%s\n' "$host_before") || :
}

result() {
	if [[ -z $2 ]]; then
		((++passed))
		printf 'ok    %s\n' "$1"
	else
		((++failed))
		printf 'FAIL  %s\n' "$1"
		printf '      %s\n' "$2" | sed -n 1,20p
	fi
}

# nothing_left NAME IDENTITY: looks again for some seconds, since init may be slow to reap the dead, and other
# work on this machine may mount something for a moment.
nothing_left() {
	local left try
	for ((try = 0; try < 20; try++)); do
		left=$(remains "$2")
		[[ -n $left ]] || break
		sleep 0.5
	done
	result "$1" "$left"
}

wait_for() {
	local try
	for ((try = 0; try < 400; try++)); do
		! "$@" || return 0
		sleep 0.05
	done
	die "waited in vain for: $*"
}

# Start `lab up` as a shell on a terminal would (own process group, interrupt not ignored), and return when
# its first machine exists.
middle_of_up() {
	rm -rf "$LAB_STATE"/run-*
	env --default-signal=INT "$MARK" setsid "$here/lab" up </dev/null >"$LAB_STATE.log" 2>&1 &
	driver=$!
	wait_for first_machine
	identity=$(lab_identity)
}
first_machine() { compgen -G "$LAB_STATE/run-*/machines/*/supervisor" >/dev/null; }

# --- the tests --------------------------------------------------------------------------------------------

test_down() {
	local identity
	lab up >/dev/null 2>&1
	identity=$(lab_identity)
	result "a running lab has namespaces of its own" \
		"$( (($(namespaces "$identity") > 17)) || printf 'only: %s' "$identity")"
	result "the host sees none of its mounts and links" \
		"$(diff <(host_listing) <(printf '%s\n' "$host_before"))"
	lab down
	nothing_left "after down nothing is left" "$identity"
	result "down again is no error" "$(lab down 2>&1 || echo "status $?")"
}

test_interrupt() {
	local driver identity status=0
	middle_of_up
	result "a second start beside a working one is refused" "$(if lab up 2>&1; then echo started; fi |
		grep -v 'another lab is at work' || :)"
	kill -INT -- "-$driver"
	wait "$driver" || status=$?
	result "an interrupt in the middle ends with 130" "${status#130}"
	nothing_left "after an interrupt nothing is left" "$identity"
}

test_terminate() {
	local driver identity status=0
	middle_of_up
	kill -TERM "$driver"
	wait "$driver" || status=$?
	result "SIGTERM in the middle ends with 143" "${status#143}"
	nothing_left "after SIGTERM nothing is left" "$identity"
}

test_kill() {
	local driver identity
	middle_of_up
	kill -KILL "$driver"
	wait "$driver" 2>/dev/null || :
	result "a killed lab does leave something" "$([[ -n $(remains "$identity") ]] || echo nothing)"
	lab up >/dev/null 2>&1
	result "the next start has removed it" "$(earlier_processes "$identity"
		find "$(_cgroup_root)" -maxdepth 1 -name "${identity%%$'\n'*}")"
	identity+=$'\n'$(lab_identity)
	lab down
	nothing_left "after a kill, a start and down nothing is left" "$identity"
}

# A lab that was killed, with the machine restarted since: its files name processes of somebody else's.
test_recycled_pids() {
	local run=$LAB_STATE/run-recycled file
	sleep 600 &
	bystander=$!
	mkdir -p "$run/machines/etcd1"
	for file in driver keeper machines/etcd1/leader machines/etcd1/supervisor; do
		echo "$bystander" >"$run/$file"
	done
	result "a recycled pid is no machine" "$(! lab power-off etcd1 2>/dev/null || echo killed)"
	lab down
	result "a recycled pid survives" "$(kill -0 "$bystander" 2>&1 || echo gone)"
	nothing_left "its files are gone" none
}

main() {
	host_before=$(host_listing)
	test_down
	test_interrupt
	test_terminate
	test_kill
	test_recycled_pids
	rm -f "$LAB_STATE.log"
	printf '%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
	((failed == 0))
}
main
