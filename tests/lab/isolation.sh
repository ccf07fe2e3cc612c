# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# lab_prove_isolated: each machine reaches the others and nothing else. Sourced after machines.sh, called
# when all machines run. What must be out of reach is first shown to be there: a listener on the host's
# loopback answers the host before a machine tries it.

# Runs in a machine; arguments: peers' addresses, their names, names outside, ADDRESS/PORT outside (words in
# one string each). Prints one line, or what is wrong and exit status 1.
# shellcheck disable=SC2016 # the machine's shell expands it
LAB_ISOLATION_PROBE='
set -u
wrong() { printf "%s: %s\n" "$HOSTNAME" "$*"; exit 1; }
try() { timeout 3 bash -c "exec 3<>/dev/tcp/$1" 2>&1; }
for family in -4 -6; do
	routes=$(ip $family route show default) || wrong "ip route failed"
	[[ -z $routes ]] || wrong "has a default route: $routes"
done
links=$(ip -br link | sed "s/[@ ].*//" | sort | tr "\n" " ")
[[ $links == "host0 lo " ]] || wrong "has more links than lo and host0: $links"
for name in $2 $3; do
	if found=$(getent ahosts "$name"); then wrong "resolves $name: $found"; fi
done
peers=0
for address in $1; do
	answer=$(try "$address/1") && wrong "port 1 of $address is open"
	[[ $answer == *"Connection refused"* ]] || wrong "does not reach $address: $answer"
	((++peers))
done
outside=0
for target in $4; do
	if answer=$(try "$target"); then wrong "reaches $target"; fi
	((++outside))
done
printf "%s: no default route, no name resolved, %d peers answer, %d of %d addresses outside do not\n" \
	"$HOSTNAME" "$peers" "$outside" "$outside"'

# A listener on the host loopback that answers; sets LAB_LISTENER_PORT and LAB_LISTENER_PID.
_listener_start() {
	local out
	exec {out}< <(exec /usr/bin/python3 -c '
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    server.accept()[0].close()')
	LAB_LISTENER_PID=$!
	read -r -t 10 -u "$out" LAB_LISTENER_PORT || return 1
	exec {out}<&-
}

# ADDRESS/PORT of what a machine must not reach: this host under each of its addresses, its gateway, and
# an address that would need a route.
_outside_targets() {
	local address
	printf '127.0.0.1/%s\n' "$LAB_LISTENER_PORT"
	[[ -z ${LAB_SERVE_PORT:-} ]] || printf '127.0.0.1/%s\n' "$LAB_SERVE_PORT"
	ip -o address show scope global | awk '{ sub(/\/.*/, "", $4); print $4 }' | while read -r address; do
		printf '%s/%s\n' "$address" "$LAB_LISTENER_PORT"
	done
	ip route show default | awk '{ for (i = 1; i < NF; i++) if ($i == "via") print $(i + 1) "/53" }'
	printf '198.51.100.1/443\n'
}

lab_prove_isolated() {
	local dir name other peers names targets outside='deb.debian.org pypi.org github.com' status=0
	_listener_start || return 1
	if ! timeout 3 bash -c "exec 3<>/dev/tcp/127.0.0.1/$LAB_LISTENER_PORT"; then
		log "the listener on this host's loopback does not answer this host: the proof would prove nothing"
		kill "$LAB_LISTENER_PID"
		return 1
	fi
	targets=$(_outside_targets)
	for dir in "$LAB_RUN"/machines/*/; do
		name=$(basename "$dir") peers='' names=''
		for other in "$LAB_RUN"/machines/*/; do
			[[ $other != "$dir" ]] || continue
			peers+=" $(<"${other}address")"
			names+=" $(basename "$other")"
		done
		machine_exec "$name" bash -c "$LAB_ISOLATION_PROBE" probe "$peers" "$names" "$outside" \
			"$targets" </dev/null || { status=1; break; }
	done
	kill "$LAB_LISTENER_PID"
	return "$status"
}
