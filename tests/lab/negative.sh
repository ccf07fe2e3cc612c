#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the installer must refuse: another node's passphrase, a machine that is not fit. closed/ is about the cluster.
#
# Needs the cluster of `lab demo --keep` (or runs inside `lab demo`), root, and build/demo.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/common.sh
. "$here/common.sh"
# shellcheck source=tests/lab/machines.sh
. "$here/machines.sh"
# shellcheck source=tests/lab/verdict.sh
. "$here/verdict.sh"
LAB_TOPOLOGY=$here/topology.yaml
DEMO=${PGHA_DEMO:-$LAB_TOP/build/demo}
LAB_SECRETS=$DEMO/secrets
# shellcheck source=tests/lab/cluster.sh
. "$here/cluster.sh"

need_root negative
lab_attach || die "no lab is up: make lab"
LAB_IMAGE=$(<"$LAB_RUN/image")
umask 077
out=$LAB_RUN/negative.out

# --- a wrong passphrase, a wrong machine -----------------------------------------------------------------

# What a machine has, to the last file. Of what the installer keeps for itself only its directory may be there, and
# an empty staging.
inventory() {
	machine_exec spare sh -c 'rpm -qa | sort
		find / -xdev ! -path "/root/media*" ! -path "/var/log/*" ! -path "/run/*" ! -path "/tmp/*" \
			! -path /var/lib/pgha ! -path /var/lib/pgha/staging -printf "%p %s %m\n" | sort' </dev/null
}

test_wrong_passphrase() {
	local node=haproxy status=0 file before bundle
	bundle=$(echo "$DEMO"/pgha-*.tar)
	if [[ ! -f $bundle ]]; then
		((++skipped))
		echo "skip  a wrong passphrase: no bundle in $DEMO"
		return
	fi
	machine_start spare 10.77.0.99
	for file in "$bundle" "$DEMO/pgha-install" "$DEMO/ca.crt"; do
		machine_put spare "$file" "/root/media/${file##*/}"
	done
	machine_put spare "$LAB_SECRETS/passphrases.pgbouncer" /root/media/passphrase
	before=$(inventory)
	machine_exec spare /root/media/pgha-install --node $node --bundle "/root/media/${bundle##*/}" \
		--ca /root/media/ca.crt --passphrase-file /root/media/passphrase </dev/null >"$out.install" 2>&1 ||
		status=$?
	sed 's/^/      /' "$out.install"
	works "another node's passphrase: exit 5" '' test "$status" -eq 5
	works 'and nothing is installed' '' diff <(printf '%s\n' "$before") <(inventory)
	test_unfit "/root/media/${bundle##*/}"
	machine_remove spare
}

# The spare machine is not the node that it is told to be: all of it at once, each with its name.
test_unfit() {
	local status=0 before try port
	port=$(printf '%04X' "$rw")
	machine_put spare "$LAB_SECRETS/passphrases.haproxy" /root/media/passphrase
	machine_exec spare sh -c 'echo 10.77.0.99 node1 >>/etc/hosts' </dev/null
	machine_exec spare systemd-run --quiet --unit=squatter systemd-socket-activate --listen="$rw" /bin/cat </dev/null
	for ((try = 0; try < 50; try++)); do
		machine_exec spare grep -q ":$port " /proc/net/tcp6 </dev/null && break
		sleep 0.1
	done
	before=$(inventory)
	machine_exec spare /root/media/pgha-install --node haproxy --bundle "$1" --ca /root/media/ca.crt \
		--passphrase-file /root/media/passphrase </dev/null >"$out.install" 2>&1 || status=$?
	sed 's/^/      /' "$out.install"
	works 'a machine that is not fit: exit 6' '' test "$status" -eq 6
	works 'it says which address is missing' "address: no interface has $haproxy, .*there is 10\.77\.0\.99" cat "$out.install"
	works 'and who holds the port' \
		"ports: TCP port $rw .* is taken on :: by process [0-9]+ \\(systemd-socket-, squatter\.service\\)" cat "$out.install"
	works 'and what /etc/hosts has wrong' "hosts: /etc/hosts says that 'node1' is 10\.77\.0\.99" cat "$out.install"
	works 'and still nothing is installed' '' diff <(printf '%s\n' "$before") <(inventory)
}

main() {
	haproxy=$(node_address haproxy)
	rw=$(env_value EXT_HAPROXY_RW_PORT)
	test_wrong_passphrase
	verdict_sum
}
main
