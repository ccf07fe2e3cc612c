# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The media of the demonstration. The same inputs are built twice: as one tarball, and as three volumes; the cluster is
# installed from the volumes, but for one node, which gets the tarball. Then one package and one setting change, and what
# changed comes as a delta on top of the volumes: to a node of each service, and to the one that does not have the base.
# Sourced by demo.sh.

MEDIA_COUNT=3
MEDIA_PACKAGE=postgresql17-contrib

# --- the connected side -----------------------------------------------------------------------------------

# media_build FOLDER [OPTION...]: what the lock names, from the cache.
media_build() {
	local folder=$1
	shift
	demo_bundler build -f build/demo/manifests/lab.yaml --lock build/demo/pgha.lock \
		--keys build/demo/secrets/keys --passphrases build/demo/secrets/passphrases \
		--cache "$PGHA_CACHE/artifacts" -o "$folder" "$@"
}

media_index() { tar -xOf "$1" index.yaml; }

# The smallest size of which three volumes hold all members, each of them whole, in their order; and a margin for the
# index, which each volume carries too.
media_volume_size() {
	media_index "$1" | awk -v count="$MEDIA_COUNT" '
		function fit(size, i, left, volumes) {
			for (i = 1; i <= n; i++) {
				if (bytes[i] > left) {
					volumes++
					left = size
				}
				left -= bytes[i]
			}
			return volumes
		}
		match($0, /size: [0-9]+/) {
			bytes[++n] = int((substr($0, RSTART + 6, RLENGTH - 6) + 1023) / 512) * 512
			total += bytes[n]
			if (bytes[n] > size)
				size = bytes[n]
		}
		END {
			if (size < total / count)
				size = int(total / count)
			while (fit(size) > count)
				size += 65536
			print size + 262144
		}'
}

media_volumes() {
	media_build build/demo/volumes --volume-size "$(media_volume_size "$DEMO_BUNDLE")"
	MEDIA_VOLUMES=("$DEMO"/volumes/pgha-*.tar)
	((${#MEDIA_VOLUMES[@]} == MEDIA_COUNT)) || die "not $MEDIA_COUNT volumes: ${MEDIA_VOLUMES[*]}"
	[[ $(media_payload "${MEDIA_VOLUMES[0]}") == "$(media_payload "$DEMO_BUNDLE")" ]] ||
		die "the volumes' payload is not that of ${DEMO_BUNDLE##*/}"
}

media_payload() { media_index "$1" | grep '^payload:'; }

# One package more for Patroni's nodes, another setting for PgBouncer's.
media_change() {
	local setting=PGBOUNCER_POOL_SIZE
	sed -i "s/^packages: \[postgresql17-server,/& $MEDIA_PACKAGE,/" "$DEMO/manifests/services/patroni/service.yaml"
	grep -q "^packages: .*$MEDIA_PACKAGE" "$DEMO/manifests/services/patroni/service.yaml"
	MEDIA_SETTING=$(($(env_value $setting) + 5))
	sed -i "s/^$setting=.*/$setting=$MEDIA_SETTING/" "$LAB_SECRETS/env"
	demo_resolve --update $MEDIA_PACKAGE
}

# Of the base only the index is read: any of its volumes will do.
media_delta() {
	media_change
	media_build build/demo/delta --delta-from "build/demo/volumes/${MEDIA_VOLUMES[1]##*/}"
	MEDIA_DELTA=$(echo "$DEMO"/delta/pgha-*.tar)
	[[ -f $MEDIA_DELTA ]] || die "not one delta in $DEMO/delta: $MEDIA_DELTA"
	log "$(media_table)"
}

# size FILE
size() { stat -c %s "$1"; }

media_largest() { stat -c %s "${MEDIA_VOLUMES[@]}" | sort -n | tail -n 1; }

# What there is to carry, for the result.
media_facts() {
	printf '%s\n' "bundle_bytes=$(size "$DEMO_BUNDLE")" "volumes=${#MEDIA_VOLUMES[@]}" \
		"volume_bytes=$(media_largest)" "delta=${MEDIA_DELTA##*/}" "delta_bytes=$(size "$MEDIA_DELTA")"
}

media_table() {
	local whole delta
	whole=$(size "$DEMO_BUNDLE") delta=$(size "$MEDIA_DELTA")
	awk -v whole="$whole" -v largest="$(media_largest)" -v delta="$delta" -v count="${#MEDIA_VOLUMES[@]}" 'BEGIN {
		printf "to carry: %.1f MB whole, %d volumes of at most %.1f MB, the delta %.1f MB: %.1f %% of the whole\n",
			whole / 1e6, count, largest / 1e6, delta / 1e6, 100 * delta / whole }'
}

# --- the secure zone --------------------------------------------------------------------------------------

# The node that gets the tarball instead of the volumes: any but a service's only one.
media_whole_node() { service_nodes etcd | tail -n 1; }

# media_carry NODE: what it is to install, to a folder of its own.
media_carry() {
	local file
	local -a files=("${MEDIA_VOLUMES[@]}")
	[[ $1 != "$(media_whole_node)" ]] || files=("$DEMO_BUNDLE")
	for file in "${files[@]}"; do
		machine_put "$1" "$file" "$DEMO_MEDIA/bundle/${file##*/}"
	done
}

# media_bundle NODE: how pgha-install is told of it there: the volumes by their folder.
media_bundle() {
	if [[ $1 == "$(media_whole_node)" ]]; then
		echo "$DEMO_MEDIA/bundle/${DEMO_BUNDLE##*/}"
	else
		echo "$DEMO_MEDIA/bundle"
	fi
}

# media_upgrade: the delta on the running cluster.
media_upgrade() {
	local before service node
	local -a nodes=()
	while read -r service; do
		nodes+=("$(service_nodes "$service" | grep -vxF -e "$OLD_LEADER" -e "$(media_whole_node)" | sed -n 1p)")
	done < <("$LAB_DIR/topology.py" "$LAB_TOPOLOGY" | awk '{ print $NF }' | sort -u)
	node=$(media_whole_node)
	for before in "${nodes[@]}" "$node"; do
		machine_put "$before" "$MEDIA_DELTA" "$DEMO_MEDIA/delta/${MEDIA_DELTA##*/}"
	done
	step "  $node has not its base: refused" media_refused "$node"
	demo_each delta "${nodes[@]}" "$node"
	media_changed "${nodes[@]}"
	within 120 'the cluster is as it was' cluster_settled "$OLD_LEADER" "$DEMO_MEMBERS"
}

# media_committed NODE: the sequence that it has committed.
media_committed() { machine_exec "$1" sed -n 's/^sequence: //p' /var/lib/pgha/committed </dev/null; }

# media_refused NODE: exit 5, one line that names the base, and nothing is changed.
media_refused() {
	local before status=0 log=$DEMO/log/$1.refused.log sequence
	sequence=$(media_index "$MEDIA_DELTA" | sed -nE 's/^base: \{sequence: ([0-9]+),.*/\1/p')
	before=$(demo_fingerprint "$1")
	demo_pgha_install "$1" --bundle "$DEMO_MEDIA/delta" >"$log" 2>&1 || status=$?
	if ((status != 5)) || ! grep -q "is a delta .*sequence $sequence, which this machine does not have" "$log"; then
		log "the delta without its base on $1: exit $status, and:"
		cat "$log" >&2
		return 1
	fi
	[[ $before == "$(demo_fingerprint "$1")" ]] || die "what was refused changed $1"
}

demo_delta_node() { step "  $1" media_delta_one "$1"; }

# Where the base is installed the delta is all; elsewhere the base's volumes come along.
media_delta_one() {
	local file
	local -a base=()
	if [[ $1 == "$(media_whole_node)" ]]; then
		for file in "${MEDIA_VOLUMES[@]}"; do
			machine_put "$1" "$file" "$DEMO_MEDIA/base/${file##*/}"
		done
		base=(--base "$DEMO_MEDIA/base")
	fi
	demo_logged "$1" "$1.delta.log" --bundle "$DEMO_MEDIA/delta" "${base[@]}"
	[[ $(media_committed "$1") == "$(media_index "$MEDIA_DELTA" | sed -n 's/^sequence: //p')" ]] ||
		die "$1 has committed sequence $(media_committed "$1")"
}

# media_changed NODE...: what the second bundle changed is there, where it belongs.
media_changed() {
	local node
	for node; do
		case $(node_service "$node") in
		patroni) machine_exec "$node" rpm --query --quiet $MEDIA_PACKAGE </dev/null ;;
		pgbouncer) machine_exec "$node" grep -qx "default_pool_size = $MEDIA_SETTING" /etc/pgbouncer/pgbouncer.ini </dev/null ;;
		esac || die "$node has not changed as the second bundle says"
	done
}
