# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# SPDX-License-Identifier: Apache-2.0
#
# The fault table of the soak test: what can fail does, in a first installation and in its successor. The run ends with a reason in one
# line, and the machine is what it was before, but for what the run says that it leaves. Sourced by soak.sh after cases.sh.

# NAME|STATUS|REASON|what is done before: a line for /run/drill/SCRIPTLET, a point, or a function.
FAULTS=(
	'%pre fails|1|PREIN|drill pre exit 1'
	'%pre fails in the middle|1|PREIN|drill pre false; exit 3'
	'%post fails|1|POSTIN|drill post exit 1'
	'%post is killed|1|POSTIN|drill post kill -KILL $$'
	'%posttrans fails|1|POSTTRANS|drill posttrans exit 1'
	'the port is taken|[68]|port|fault_listen'
	'the port is taken while packages are installed|8|redis.service|fault_taken'
	'the unit does not come up|8|drill|drill start exit 1'
	'the unit cannot be executed|8|drill|fault_noexec'
	'the node probe does not hold|8|drill is well|drill probe :'
	'no groupadd|[16]|PREIN|fault_missing groupadd'
	'/etc cannot be written|6|Read-only|fault_readonly'
	'/etc cannot be written, from the files on|[16]|Read-only|drill posttrans systemd-run --quiet --wait mount --bind /etc /etc; systemd-run --quiet --wait mount -o remount,ro,bind /etc'
	'no systemctl, from the packages on|[168]|failed|drill posttrans mv /usr/bin/systemctl /usr/bin/systemctl.away'
)

faults_list() {
	local verb
	for verb in install upgrade; do
		does "$verb" || continue
		printf '%s\n' "${FAULTS[@]}" | drawn "$sample" | fault_lines "$verb"
		[[ ! "fault $verb disk full" =~ ${only:-.} ]] ||
			full_points "$verb" | drawn "$sample" | sed "s/^/fault, $verb\tcase_full\t$verb\t/"
	done
}

fault_lines() {
	local verb=$1 name status reason act
	while IFS='|' read -r name status reason act; do
		# The accounts are there already.
		[[ $verb$name != 'upgradeno groupadd' ]] || continue
		! grep -qvE -- "${only:-.}" <<<"fault $verb $name" || continue
		printf 'fault, %s\tcase_fault\t%s\t%s\t%s\t%s\t%s\n' "$verb" "$verb" "$name" "$status" "$reason" "$act"
	done
}

# --- what is done to the machine --------------------------------------------------------------------------

# drill SCRIPTLET LINE: what that of the package that comes does besides its work. Not that of the one before, which is put back.
fault_drill() {
	local version=1
	[[ $SCENE_BUNDLE != two ]] || version=2
	printf '%s\n' "${*:2}" | sed "s/@ADDRESS@/$ADDRESS/" |
		machine_exec "$NODE" sh -c 'mkdir -p /run/drill; cat >"/run/drill/$0"; cp "/run/drill/$0" "/run/drill/${0%-*}"' "$1-$version"
}
fault_listen() {
	machine_exec "$NODE" sh -c "systemctl stop redis 2>/dev/null; systemd-run --quiet --unit=taker \\
		--socket-property=ListenStream=$ADDRESS:6379 cat" </dev/null
}
# A scriptlet cannot stop a service that runs: there, the port is taken when it is restarted.
fault_taken() {
	if [[ $verb == install ]]; then
		fault_drill posttrans 'systemctl stop redis; systemd-run --quiet --unit=taker --socket-property=ListenStream=@ADDRESS@:6379 cat'
		return
	fi
	machine_exec "$NODE" sh -c 'mkdir -p /run/systemd/system/redis.service.d
		cat >/run/systemd/system/redis.service.d/taken.conf; systemctl daemon-reload' <<-UNIT
		[Service]
		ExecStopPost=+/usr/bin/systemd-run --quiet --unit=taker --socket-property=ListenStream=$ADDRESS:6379 cat
	UNIT
}
fault_noexec() { fault_drill posttrans 'chmod 0644 /usr/libexec/drill'; }
fault_readonly() { machine_exec "$NODE" sh -c 'mount --bind /etc /etc && mount -o remount,ro,bind /etc' </dev/null; }
fault_missing() { machine_exec "$NODE" mv "/usr/sbin/$1" "/usr/sbin/$1.away" </dev/null; }

# All of that is gone, and with it what was not the installer's to mend.
fault_end() {
	local fault=$1
	# shellcheck disable=SC2016 # the machine's shell expands it
	machine_exec "$NODE" sh -c 'rm -rf /run/drill /ballast /run/systemd/system/redis.service.d
		for file in /usr/sbin/groupadd /usr/bin/systemctl; do [ ! -e $file.away ] || mv $file.away $file; done
		systemctl daemon-reload; systemctl stop taker.socket taker.service 2>/dev/null; ! mountpoint -q /etc || umount /etc
		systemctl reset-failed' </dev/null
	[[ $fault != fault_listen || $verb != upgrade ]] || machine_exec "$NODE" systemctl start redis </dev/null
}

# --- judging ----------------------------------------------------------------------------------------------

# What a failed run may leave: accounts, data, logs, and the memory that it had a try; and what shadow-utils leave when they are killed
# themselves.
fault_promised() {
	grep -vP '^(passwd|shadow|group) |^rpmdb |^verify .* /etc/(passwd|group|g?shadow|sub[ug]id)-?$|^state (\.|\./journal|\./log) |/var/lib/(redis|drill)([/ ]|$)|\./changed |^state \./previous|^(path|content) /etc/(passwd|group|g?shadow)\.[0-9]+ |^state record/[0-9]+/entries (group|user|member|directory\t/var/lib/(redis|drill))' "$1"
}

# back_again VERB SNAPSHOT: prints what differs from before.
back_again() { diff <(fault_promised "$DEMO/before.$1") <(fault_promised "$2"); }

# case_fault VERB NAME STATUS REASON ACT [SETTING…]
case_fault() {
	local verb=$1 name=$2 want=$3 reason=$4 act=$5 status=0 log good=true seen='' line='' end=before
	log=$DEMO/log/fault-$verb-${name//[^a-z0-9]/-}
	scene_machine "${BEGINS[$verb]}"
	scene_bundle "${BUNDLE[$verb]}"
	# shellcheck disable=SC2086 # words
	if [[ $act == drill\ * ]]; then fault_drill ${act#drill }; elif [[ $act ]]; then $act; fi
	verb_command "$verb" "${@:6}" >"$log" 2>&1 || status=$?
	line=$(sed -n '/^pgha-install: /h; ${g;p}' "$log")
	# What is full after the commit is nobody's concern: the little that is still to be written finds its place.
	((status != 0)) || line="nothing: it ended with 0, and what was to be installed is"
	# shellcheck disable=SC2053 # a pattern
	[[ $status == $want ]] || { good=false seen="ended with $status, not $want;"; }
	grep -qiE "$reason" "$log" || { good=false seen+=" '$reason' is not told;"; }
	fault_end "$act"
	# What was in the way of the restoring too is gone now.
	if [[ $line == *'is not back'* ]]; then
		scene_command rollback >>"$log" 2>&1 || { good=false seen+=" rollback ended with $?;"; }
	elif ((status == 0)) || [[ $line == *'stays installed'* ]]; then
		end=''
	fi
	case_snapshot "$log.snap"
	: >"$log.diff"
	if [[ $end ]] && ! back_again "$verb" "$log.snap" >"$log.diff"; then
		good=false seen+=" $(grep -c '^[<>]' "$log.diff") lines differ from before;"
	fi
	# The same run comes to its end then.
	status=0
	verb_command "$verb" >>"$log" 2>&1 || status=$?
	((status == 0)) || { good=false seen+=" the run after it ended with $status;"; }
	case_snapshot "$log.snap"
	if ! diff <(fault_promised "$DEMO/after.$verb") <(fault_promised "$log.snap") >"$log.diff2"; then
		good=false seen+=" $(grep -c '^[<>]' "$log.diff2") lines differ after that"
	fi
	case_result "$name" "$good" "${seen:-${line#pgha-install: }}"
}

# --- a disk that is full, from the beginning of each step ---------------------------------------------------

# Where the journal says that a step begins: its lines come in pairs.
full_points() {
	awk '$2 == "fsync" && $3 ~ /\/journal$/ && n++ % 2 == 0 { print $1 }' "$DEMO/points.$1"
}

# case_full VERB NUMBER
case_full() {
	SCENE_DISK=400m
	case_fault "$1" "the disk is full from point $2 on" '[0168]' '' '' "POINT_AT=$2" POINT_DO=fill
	SCENE_DISK=''
}
