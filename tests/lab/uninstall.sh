# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What an installation did to a machine is taken back. Sourced after verdict.sh and demo.sh.
#
#   uninstall_listing NODE >FILE        all that stands on the machine, but for what stays by promise
#   test_uninstall NODE BEFORE UNIT FILE DATA...   status, then uninstall with DATA; BEFORE is the listing before the installation

# What stays: accounts, logs, the rpm database, the journal; and what the system itself writes while it runs.
UNINSTALL_STAYS=(/proc /sys /dev /run /tmp /var/tmp /root /var/lib/pgha /var/lib/rpm /var/log /var/cache /var/lib/systemd
	/etc/passwd /etc/passwd- /etc/group /etc/group- /etc/shadow /etc/shadow- /etc/gshadow /etc/gshadow- /etc/subuid
	/etc/subuid- /etc/subgid /etc/subgid- /etc/ld.so.cache /etc/.updated /var/.updated)

uninstall_listing() {
	local -a prune=()
	local path
	for path in "${UNINSTALL_STAYS[@]}"; do prune+=(-path "$path" -o); done
	machine_exec "$1" find / -xdev \( "${prune[@]}" -false \) -prune -o -type d -printf '%p %y %m %u:%g\n' \
		-o -printf '%p %y %m %u:%g %s %l\n' </dev/null | LC_ALL=C sort
}

uninstall_run() { machine_exec "$1" "$DEMO_MEDIA/pgha-install" "${@:2}" </dev/null; }

# An edit is told by status, which ends with 8; then the file is as it was.
uninstall_drift() {
	local file=$2 status=0
	# shellcheck disable=SC2016 # the machine's shell expands it
	machine_exec "$1" sh -c 'cp -p "$0" /root/kept && echo "# by hand" >>"$0"' "$file" </dev/null
	uninstall_run "$1" status || status=$?
	# shellcheck disable=SC2016
	machine_exec "$1" sh -c 'cp -p /root/kept "$0"' "$file" </dev/null
	((status == 8))
}

uninstall_same() {
	uninstall_listing "$1" >"$2.after"
	diff "$2" "$2.after"
}

test_uninstall() { # NODE BEFORE UNIT FILE DATA...
	local path data=()
	for path in "${@:5}"; do data+=(--remove-data "$path"); done
	works 'status: all is as installed' '^files +[0-9]+$' uninstall_run "$1" status
	works 'status: an edited file is told' "^  $4: changed$" uninstall_drift "$1" "$4"
	works 'uninstall says first what it would do' "^stop $3$" uninstall_run "$1" uninstall --node "$1" --dry-run
	works 'which changes nothing' "^active$" machine_exec "$1" systemctl is-active "$3" </dev/null
	refused "another node's name is refused" 'this machine is' uninstall_run "$1" uninstall --node "not-$1"
	works 'uninstall' "^(remove|restore) $4$" uninstall_run "$1" uninstall --node "$1" "${data[@]}"
	refused 'the service has gone' 'inactive|could not be found|not-found' machine_exec "$1" systemctl is-active "$3" </dev/null
	works 'the file system is as it was before' '' uninstall_same "$1" "$2"
	refused 'a second one finds nothing' 'nothing is installed here' uninstall_run "$1" uninstall --node "$1"
}
