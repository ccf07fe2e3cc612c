# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# An image out of an empty directory: on a machine without a network `pgha-install --root DIR` makes a root of RPMs alone, with
# one node's files and certificates in it, and starts nothing; then that root is booted. Sourced by topologies.sh.

IMAGE_BUILDER=builder
IMAGE_ROOT=/srv/image # on the builder

# manifests/topologies/single.yaml, with what a machine consists of as one more service.
image_topology() {
	LAB_TOPOLOGY=$DEMO/image.yaml
	sed 's/services: \[/&base, /' "$LAB_TOP/manifests/topologies/single.yaml" >"$LAB_TOPOLOGY"
	grep -q 'services: \[base, ' "$LAB_TOPOLOGY" || die 'the topology has no list of services'
}

image_definition() {
	cp -R "$LAB_DIR/base" "$DEMO/manifests/services"
	sed -i 's/^services: \[/&base, /' "$DEMO/manifests/lab.yaml"
}

# The builder gets what a node gets.
image_make() {
	local file node=${NODES[0]}
	machine_start $IMAGE_BUILDER 10.77.1.99
	for file in "$DEMO_BUNDLE" "$DEMO/pgha-install" "$DEMO/ca.crt"; do
		machine_put $IMAGE_BUILDER "$file" "$DEMO_MEDIA/${file##*/}"
	done
	machine_put $IMAGE_BUILDER "$LAB_SECRETS/passphrases.$node" "$DEMO_MEDIA/passphrase"
	machine_exec $IMAGE_BUILDER mkdir $IMAGE_ROOT </dev/null
	image_install image.log
}

# image_install LOG
image_install() {
	machine_exec $IMAGE_BUILDER "$DEMO_MEDIA/pgha-install" --node "${NODES[0]}" --root $IMAGE_ROOT --ca "$DEMO_MEDIA/ca.crt" \
		--passphrase-file "$DEMO_MEDIA/passphrase" --bundle "$DEMO_MEDIA/${DEMO_BUNDLE##*/}" </dev/null >"$DEMO/log/$1" 2>&1 || {
		tail -n 30 "$DEMO/log/$1"
		return 1
	}
	cat "$DEMO/log/$1"
}

# On the builder runs what ran there before, and in the image is no process's trace.
image_quiet() {
	local unit
	for unit in etcd patroni haproxy pgbouncer; do
		[[ $(machine_exec $IMAGE_BUILDER systemctl is-active "$unit.service" </dev/null) == inactive ]] || return 1
	done
	machine_exec $IMAGE_BUILDER sh -c "ls -A $IMAGE_ROOT/proc $IMAGE_ROOT/run $IMAGE_ROOT/dev $IMAGE_ROOT/var/lib/pgsql/17/data $IMAGE_ROOT/var/lib/etcd" </dev/null
}

# The root leaves the builder; it becomes the machine's disk.
image_boot() {
	local node=${NODES[0]}
	machine_stop $IMAGE_BUILDER
	mv "$LAB_RUN/machines/$IMAGE_BUILDER/upper$IMAGE_ROOT" "$LAB_RUN/image-root"
	machine_remove $IMAGE_BUILDER
	# shellcheck disable=SC2034 # machine_start reads it
	LAB_IMAGE=$LAB_RUN/image-root
	machine_launch "$node" "$(node_address "$node")"
	within 60 "$node is up" image_answers
	lab_prove_isolated
}

# Its start is over when Patroni's is, which waits for etcd's accounts: not "running" yet.
image_answers() { machine_exec "${NODES[0]}" systemctl --quiet is-active etcd.service </dev/null 2>>"$DEMO/log/boot"; }

image_active() { within 30 'its units are up' image_units && cat "$DEMO/log/units"; }

image_units() {
	local unit
	for unit in etcd patroni haproxy pgbouncer; do
		machine_exec "${NODES[0]}" systemctl show --property=Id,ActiveState,UnitFileState "$unit.service" </dev/null
	done >"$DEMO/log/units"
	[[ $(grep -c '^ActiveState=activ' "$DEMO/log/units") == 4 && $(grep -c '^UnitFileState=enabled' "$DEMO/log/units") == 4 ]]
}
