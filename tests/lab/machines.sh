# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The lab's machines: systemd-nspawn on an overlay of the target image, on a bridge in a network
# namespace without a way out. Sourced after common.sh; nothing happens before lab_begin.
#
# All processes of one lab (driver, servers, machines) live below one cgroup, pgha-lab-ID, and the
# namespaces have neither name nor file: killing the cgroup removes processes, mounts, links and
# namespaces at once, also for a lab whose driver was killed. A pid read from a file counts only while it
# is in that cgroup, so a recycled one is never taken for ours.
#
#   lab_begin                     remove what killed labs left, make LAB_RUN, enter the cgroup
#   lab_net_up                    the namespaces and the bridge
#   machine_start NAME ADDRESS    boot (again: keeps its disk), wait until systemd says "running"
#   machine_launch, machine_wait  the two halves of machine_start, to boot several at once
#   machine_exec NAME CMD...      run in the machine: clean environment, stdin passed on, status kept
#   machine_put NAME SRC DEST     copy a file, with its mode
#   machine_power_off_hard NAME   SIGKILL to its first process
#   machine_stop NAME             orderly shutdown
#   machine_remove NAME           power off, forget its disk
#   lab_leave                     keep the lab, let the driver go
#   lab_attach                    find a lab that was left (another terminal)
#   lab_down                      remove everything
#
# Each works with and without errexit, and returns not 0 when it fails. LAB_STATE holds the runs
# (PGHA_LAB_STATE, default /var/lib/pgha-lab); LAB_IMAGE is the image's directory.

LAB_STATE=${PGHA_LAB_STATE:-/var/lib/pgha-lab}
LAB_BRIDGE=lab0
LAB_PREFIX=24
LAB_BOOT_TIMEOUT_S=${LAB_BOOT_TIMEOUT_S:-60}

# The first word of a file that may not be there (yet).
_word() {
	local word=''
	{ read -r word _ <"$1" || :; } 2>/dev/null
	printf '%s\n' "$word"
}

# Where cgroup version 2 is mounted here: /sys/fs/cgroup, or /sys/fs/cgroup/unified beside version 1.
_cgroup_root() {
	awk '$3 == "cgroup2" && !seen { print $2; seen = 1 }' /proc/self/mounts
}

# _pid_in_lab PID ID: is this process, here and now, one of that lab's?
_pid_in_lab() {
	[[ $1 =~ ^[0-9]+$ ]] && grep -Eqs "^0::(.*/)?pgha-lab-$2(/|\$)" "/proc/$1/cgroup"
}

# Kill all processes of lab ID, wait until the kernel has reaped them, remove the cgroups.
_cgroup_remove() {
	local group try
	group=$(_cgroup_root)/pgha-lab-$1
	for ((try = 0; try < 200; try++)); do
		[[ -d $group ]] || return 0
		echo 1 >"$group/cgroup.kill" || return 1
		if grep -q '^populated 0' "$group/cgroup.events"; then
			find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || :
		fi
		sleep 0.05
	done
	log "cgroup $group cannot be emptied"
	return 1
}

# Remove one run: its processes (and with them mounts, links, namespaces), then its files.
_run_remove() {
	_cgroup_remove "${1##*/run-}" && rm -rf --one-file-system -- "$1"
}

# A lab whose driver is at work must not be swept away under it.
_run_driven() {
	_pid_in_lab "$(_word "$1/driver")" "${1##*/run-}"
}

# What lab_begin does under its lock; prints nothing, leaves LAB_STATE/run-ID.
_run_new() {
	local root=$1 run group
	for run in "$LAB_STATE"/run-*; do
		[[ -d $run ]] || continue
		if _run_driven "$run"; then
			log "another lab is at work in $LAB_STATE (process $(_word "$run/driver"))"
			return 1
		fi
		log "removing what ${run##*/} left"
		_run_remove "$run" || return 1
	done
	run=$(mktemp -d "$LAB_STATE/run-XXXXXXXX") || return 1
	group=$root/pgha-lab-${run##*/run-}
	mkdir -p "$run/machines" "$group/driver" && echo $$ >"$run/driver" &&
		echo $$ >"$group/driver/cgroup.procs"
}

lab_begin() {
	local root lock status=0
	if ((EUID != 0)); then
		log "needs root: sudo make demo"
		return 6
	fi
	root=$(_cgroup_root)
	if [[ -z $root ]]; then
		log "no cgroup version 2 is mounted on this machine"
		return 6
	fi
	install -d -m 0700 "$LAB_STATE" || return 1
	exec {lock}>"$LAB_STATE/lock"
	flock "$lock" || return 1
	_run_new "$root" || status=$?
	exec {lock}>&-
	((status == 0)) || return "$status"
	lab_attach
}

# Set LAB_RUN and LAB_ID to the run that there is; fails when there is none.
lab_attach() {
	local run
	for run in "$LAB_STATE"/run-*; do
		[[ -d $run ]] || continue
		LAB_RUN=$run LAB_ID=${run##*/run-}
		return 0
	done
	return 1
}

lab_leave() {
	rm -f "$LAB_RUN/driver"
}

lab_down() {
	[[ -n ${LAB_RUN:-} ]] || return 0
	if _pid_in_lab $$ "$LAB_ID"; then
		echo $$ >"$(_cgroup_root)/cgroup.procs" || return 1
	fi
	_run_remove "$LAB_RUN" || return 1
	LAB_RUN='' LAB_ID=''
}

# Each systemd takes 5 of the host's inotify instances of root; two labs at a time and a third do not fit into
# the kernel's default of 128. Said before machines fail in odd ways; the host's setting is left alone.
# lab_need_inotify MACHINES
lab_need_inotify() {
	local used limit need=$((5 * $1))
	limit=$(</proc/sys/fs/inotify/max_user_instances)
	used=$({ find /proc/[0-9]*/fd -user root -lname 'anon_inode:inotify' || :; } 2>/dev/null | wc -l)
	((used + need <= limit)) && return 0
	log "$1 machines need $need inotify instances, $used of root's $limit are in use: end other labs, or" \
		"raise fs.inotify.max_user_instances"
	return 1
}

# One process keeps the network and mount namespaces alive. /run is its own, so that systemd-nspawn
# leaves its locks there and not on the host; cgroups are version 2 whatever the host's layout.
lab_net_up() {
	local try
	# shellcheck disable=SC2016 # the keeper's own shell expands it
	setsid --fork unshare --net --mount --propagation private bash -ec '
		mount -t tmpfs -o mode=0755 lab-run /run
		[[ $(stat -f -c %T /sys/fs/cgroup) == cgroup2fs ]] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
		ip link set lo up
		ip link add "$1" type bridge
		ip link set "$1" up
		echo $$ >"$2/keeper.new"
		mv "$2/keeper.new" "$2/keeper"
		exec sleep infinity' keeper "$LAB_BRIDGE" "$LAB_RUN" \
		</dev/null >"$LAB_RUN/keeper.log" 2>&1 || return 1
	for ((try = 0; try < 200; try++)); do
		[[ ! -e $LAB_RUN/keeper ]] || return 0
		sleep 0.05
	done
	log "no network namespace: $(<"$LAB_RUN/keeper.log")"
	return 1
}

# Run a command in the lab's namespaces, outside of any machine.
_in_keeper() {
	local keeper
	keeper=$(_word "$LAB_RUN/keeper")
	if ! _pid_in_lab "$keeper" "$LAB_ID"; then
		log "the lab's namespaces are gone: start it again"
		return 1
	fi
	nsenter --target "$keeper" --mount --net -- "$@"
}

# What a machine has of its own before it boots for the first time: name, identity, address. No name
# service, no names of the others.
_machine_prepare() ( # a subshell: accounts of the machine must read this, whatever the caller's umask
	umask 022
	local name=$1 address=$2 dir=$LAB_RUN/machines/$1
	local etc=$dir/upper/etc
	mkdir -p "$dir/root" "$dir/work" "$etc/systemd/system/multi-user.target.wants" || exit 1
	echo "$name" >"$etc/hostname"
	printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n' "$name" >"$etc/hosts"
	tr -d - </proc/sys/kernel/random/uuid >"$etc/machine-id"
	: >"$etc/resolv.conf"
	cat >"$etc/systemd/system/lab-address.service" <<-UNIT
		[Unit]
		Description=Static address of this lab machine
		DefaultDependencies=no
		Before=network.target network-online.target
		Wants=network.target

		[Service]
		Type=oneshot
		RemainAfterExit=yes
		ExecStart=ip address add $address/$LAB_PREFIX dev host0
		ExecStart=ip link set host0 up
	UNIT
	ln -s ../lab-address.service "$etc/systemd/system/multi-user.target.wants/" &&
		echo "$address" >"$dir/address"
)

machine_launch() {
	local name=$1 dir=$LAB_RUN/machines/$1
	if _machine_leader "$name" >/dev/null; then
		return 0
	fi
	[[ -e $dir/address ]] || _machine_prepare "$name" "$2" || return 1
	_in_keeper mountpoint -q "$dir/root" ||
		_in_keeper mount -t overlay "lab-$name" "$dir/root" \
			-o "lowerdir=$LAB_IMAGE,upperdir=$dir/upper,workdir=$dir/work" || return 1
	rm -f "$dir/supervisor" "$dir/leader"
	echo "$LAB_IMAGE" >"$LAB_RUN/image"
	# shellcheck disable=SC2016 # the shell in the namespaces expands it
	_in_keeper setsid --fork bash -ec '
		group=/sys/fs/cgroup/pgha-lab-$1/$2
		mkdir -p "$group"
		echo $$ >"$group/cgroup.procs"
		echo $$ >"$3/supervisor.new"
		mv "$3/supervisor.new" "$3/supervisor"
		exec env -i PATH="$PATH" systemd-nspawn --quiet --keep-unit --register=no --boot \
			--directory="$3/root" --machine="$2" --network-bridge="$4" --console=read-only \
			--resolv-conf=off --timezone=off --link-journal=no' \
		machine "$LAB_ID" "$name" "$dir" "$LAB_BRIDGE" </dev/null >>"$dir/console.log" 2>&1
}

# The machine's first process, as the host numbers it: the child of systemd-nspawn that is 1 inside.
_machine_leader() {
	local dir=$LAB_RUN/machines/$1 pid supervisor children
	pid=$(_word "$dir/leader")
	if _pid_in_lab "$pid" "$LAB_ID"; then
		echo "$pid"
		return 0
	fi
	supervisor=$(_word "$dir/supervisor")
	_pid_in_lab "$supervisor" "$LAB_ID" || return 1
	{ read -ra children <"/proc/$supervisor/task/$supervisor/children" || :; } 2>/dev/null
	for pid in "${children[@]}"; do
		if grep -Eqs '^NSpid:.*[[:space:]]1$' "/proc/$pid/status"; then
			echo "$pid" >"$dir/leader"
			echo "$pid"
			return 0
		fi
	done
	return 1
}

machine_wait() {
	local name=$1 dir=$LAB_RUN/machines/$1 state='' supervisor
	local deadline=$((SECONDS + LAB_BOOT_TIMEOUT_S))
	while ((SECONDS < deadline)); do
		if _machine_leader "$name" >/dev/null; then
			state=$(machine_exec "$name" systemctl is-system-running 2>/dev/null </dev/null) || :
			[[ $state != running ]] || return 0
			[[ $state != degraded ]] || break
		else
			supervisor=$(_word "$dir/supervisor")
			if [[ $supervisor ]] && ! _pid_in_lab "$supervisor" "$LAB_ID"; then
				state='it is gone'
				break
			fi
		fi
		sleep 0.1
	done
	log "machine '$name' did not come up: ${state:-no answer}"
	tail -n 20 "$dir/console.log" >&2
	if [[ $state == degraded ]]; then
		machine_exec "$name" systemctl --failed --no-legend --plain </dev/null >&2 || :
	fi
	return 1
}

machine_start() {
	machine_launch "$1" "$2" && machine_wait "$1"
}

# Without the right to set the clock, which is this machine's too.
machine_exec() {
	local leader
	if ! leader=$(_machine_leader "$1"); then
		log "machine '$1' is not running"
		return 125
	fi
	shift
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "TERM=${TERM:-dumb}" \
		setpriv --bounding-set=-sys_time -- nsenter --target "$leader" --all -- env -C / -- "$@"
}

machine_put() {
	local name=$1 src=$2 dest=$3 mode
	mode=$(stat -c %a -- "$src") || return 1
	# shellcheck disable=SC2016 # the machine's shell expands it
	machine_exec "$name" sh -ec '
		mkdir -p "$(dirname "$1")"
		umask 077
		cat >"$1.part"
		chmod "$2" "$1.part"
		mv "$1.part" "$1"' put "$dest" "$mode" <"$src"
}

# _machine_gone NAME SECONDS: wait until the machine's cgroup holds no process.
_machine_gone() {
	local group try
	group=$(_cgroup_root)/pgha-lab-$LAB_ID/$1
	for ((try = 0; try < 20 * $2; try++)); do
		grep -qs '^populated 1' "$group/cgroup.events" || return 0
		sleep 0.05
	done
	log "machine '$1' is still there after $2 s"
	return 1
}

machine_power_off_hard() {
	local leader
	if ! leader=$(_machine_leader "$1"); then
		log "machine '$1' is not running"
		return 1
	fi
	kill -KILL "$leader" && _machine_gone "$1" 20
}

machine_stop() {
	if ! _machine_leader "$1" >/dev/null; then
		return 0
	fi
	# The bus may go before it has answered: what counts is that the machine goes.
	machine_exec "$1" systemctl poweroff --no-block </dev/null 2>>"$LAB_RUN/machines/$1/console.log" || :
	_machine_gone "$1" 60
}

# Take a machine out of the lab, with its disk.
machine_remove() {
	local dir=$LAB_RUN/machines/$1
	if _machine_leader "$1" >/dev/null; then
		machine_power_off_hard "$1" || return 1
	fi
	_in_keeper umount "$dir/root" && rm -rf --one-file-system -- "$dir"
}
