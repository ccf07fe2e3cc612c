# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# All that the lab builds once, in one go.
#
#     lab_preflight    fails, and says how much is missing, when the disk cannot hold what the cache lacks
#     lab_prepare      lab_preflight, then builds it, step by step

[[ -z ${LAB_PREPARE_SOURCED:-} ]] || return 0
LAB_PREPARE_SOURCED=1
# shellcheck source=tests/lab/serve.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/serve.sh"

# Entries of the cache, their keys, and the MiB that they take, as measured.
lab_entries() {
	printf '%s %s %d\n' rootfs "$(lab_rootfs_key)" 130 base-rpms "$(lab_image_key)" 40 \
		service-rpms "$(lab_image_key)" 80 image "$(lab_image_key)" 130 repos "$(lab_repos_key)" 120 \
		connected "$(lab_connected_key)" 650
}

lab_preflight() {
	local name key size need=0
	LAB_DEBIAN_MIRROR=$(debian_mirror)
	export LAB_DEBIAN_MIRROR
	while read -r name key size; do
		[[ -d $(cache_path "$name" "$key") ]] || need=$((need + size))
	done < <(lab_entries)
	((need == 0)) || need_disk "$PGHA_CACHE" $((need + 400)) "preparing the lab" # 400: work files and archives
}

lab_prepare() {
	lab_preflight
	lab_image >/dev/null
	lab_repos >/dev/null
	lab_connected >/dev/null
}
