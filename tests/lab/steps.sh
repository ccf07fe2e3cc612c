#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Boots one machine of the lab's target image and runs build/tests/test_steps in it: accounts, files, units, probes and
# once-steps of a toy service, with a real systemd. Needs root. B=DIR is the build (build).
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/common.sh
. "$here/common.sh"
# shellcheck source=tests/lab/machines.sh
. "$here/machines.sh"
need_root steps

program=${B:-build}/tests/test_steps
[[ -x $program ]] || die "$program is not there: make $program"
if [[ -z ${LAB_IMAGE:-} ]]; then
	# shellcheck source=tests/lab/image.sh
	. "$here/image.sh"
	LAB_IMAGE=$(lab_image)
fi
LAB_STATE=$(mktemp -d /var/tmp/pgha-steps-XXXXXX)

cleanup() {
	local status=$?
	trap - EXIT
	lab_down || status=1
	rm -rf --one-file-system "$LAB_STATE"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

lab_begin
lab_net_up
machine_start box 10.77.0.99
machine_exec box mkdir -p /root/steps/tests/data/services/toy/templates </dev/null
for file in tests/data/services/toy/{service.yaml,templates/*}; do
	machine_put box "$file" "/root/steps/$file"
done
machine_put box "$program" /root/steps/test_steps
# The libraries of the machine that built it, where the image has none of that name.
there=$(machine_exec box ldconfig -p </dev/null)
while read -r name path; do
	grep -q "^[[:space:]]*$name " <<<"$there" || machine_put box "$path" "/root/steps/$name"
done < <(ldd "$program" | awk '$2 == "=>" { print $1, $3 }')
machine_exec box sh -c 'cd /root/steps && PGHA_TEST_MACHINE=1 LD_LIBRARY_PATH=. ./test_steps' </dev/null
