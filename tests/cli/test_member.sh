#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# When a member of the database's cluster may restart, must, and is back: what the manifests' patroni-member answers.
# shellcheck source=tests/cli/lib.sh
. "$(dirname -- "$0")/lib.sh"

if ! python3 -c 'import yaml' 2>/dev/null; then
	skip 'when a member may restart' 'Python has no yaml here'
	finish
fi

# member NAME ROLE STATE [REST]
member() { printf '{"name": "%s", "role": "%s", "state": "%s"%s}' "$1" "$2" "$3" "${4:+, $4}"; }

# cluster MEMBER...
cluster() {
	local IFS=,
	echo "{\"members\": [$*]}"
}

# asked VERB NAME CLUSTER [MEMBER=SEQUENCE...]
# shellcheck disable=SC2317 # expect calls it
asked() { env PGHA_SEQUENCE=2 python3 "$root/tests/cli/member_scene.py" "$@"; }

reason() { echo "\"pending_restart\": true, \"pending_restart_reason\": {\"$1\": {\"old_value\": \"$2\", \"new_value\": \"$3\"}}"; }

leader=$(member one leader running)
sync=$(member two sync_standby streaming)
other=$(member three replica streaming)
calm=$(cluster "$leader" "$sync" "$other")
raised=$(cluster "$leader" "$(member two sync_standby streaming "$(reason max_connections 200 230)")" "$other")
lowered=$(cluster "$leader" "$(member two sync_standby streaming "$(reason max_connections 230 200)")" "$other")
elsewhere=$(cluster "$leader" "$(member two sync_standby streaming "$(reason shared_buffers 256 128)")" "$other")
both=$(cluster "$leader" "$(member two sync_standby streaming '"pending_restart": true, "pending_restart_reason": {
	"max_connections": {"old_value": "230", "new_value": "200"}, "shared_buffers": {"old_value": "1", "new_value": "2"}}')" "$other")

expect 'a replica may restart at any time' 0 '' asked ready two "$calm"
expect 'the primary waits for the others' 1 "installer d'abord two" asked ready one "$calm" three=2
expect 'the primary goes once all others are there' 0 '' asked ready one "$calm" two=2 three=2
expect 'the primary waits for who has its restart before it' 1 "installer d'abord two" asked ready one "$raised" two=2 three=2
expect 'the primary does not wait for what no restart of a replica brings' 0 '' asked ready one "$lowered" two=2 three=2
expect 'without a synchronous replica nobody takes over' 1 'aucun réplica synchrone' asked ready one "$(cluster "$leader" "$other")" three=2

expect 'a replica that streams is back' 0 '' asked back two "$calm"
expect 'one that waits for its restart is not' 1 'attend encore' asked back two "$raised"
expect 'one for which a setting was lowered is: a replica keeps what its primary had' 0 '' asked back two "$lowered"
expect 'one that does not stream is not' 1 'starting' asked back two "$(cluster "$leader" "$(member two replica starting)")"

expect 'a raised setting asks for a restart' 0 '' asked due two "$raised"
expect 'so does any lowered setting that a replica has for itself' 0 '' asked due two "$elsewhere"
expect 'and one of these beside one of those' 0 '' asked due two "$both"
expect "a lowered one of the primary's does not" 1 "rien n'attend" asked due two "$lowered"
expect 'nor does nothing' 1 "rien n'attend" asked due two "$calm"

finish
