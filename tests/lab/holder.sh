# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# An installer that is killed while it holds the cluster's lock. Sourced after demo.sh.

# holder_install NODE OPTION...: as demo_pgha_install, below a shell: nsenter would stop with its child.
holder_install() {
	# shellcheck disable=SC2016 # the machine's shell expands it
	machine_exec "$1" sh -c '"$@"; exit "$?"' holder "$DEMO_MEDIA/pgha-install" --node "$1" --ca "$DEMO_MEDIA/ca.crt" \
		--passphrase-file "$DEMO_MEDIA/passphrase" "${@:2}" </dev/null
}

# holder_stop NODE PATTERN: when a program whose command line has PATTERN ('[e]tcdctl lock': one that does not match itself) runs on
# NODE, the pgha-install that started it is stopped; prints its process.
holder_stop() {
	# shellcheck disable=SC2016 # the machine's shell expands it
	machine_exec "$1" timeout 120 sh -ec '
		until child=$(pgrep --oldest --full -- "$1"); do sleep 0.01; done
		installer=$(sed -n "s/^PPid:[[:space:]]*//p" "/proc/$child/status")
		[ "$(cat "/proc/$installer/comm")" = pgha-install ]
		kill -STOP "$installer"
		echo "$installer"' holder "$2" </dev/null
}

# holder_kill NODE PROCESS: SIGKILL, and not even the lock's own command is left to give it back.
holder_kill() {
	# shellcheck disable=SC2016
	machine_exec "$1" sh -ec '
		children=$(pgrep --parent "$1")
		kill -KILL "$1"
		for child in $children; do
			tries=0
			while [ -e "/proc/$child/stat" ] && ! grep -qs ") [ZX] " "/proc/$child/stat"; do
				tries=$((tries + 1))
				[ "$tries" -lt 100 ]
				sleep 0.05
			done
		done' holder "$2" </dev/null
}
