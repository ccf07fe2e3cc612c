# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The target image: Debian 13, minimal, that stands in for RHEL 8: its own packages are recorded in an rpm
# database, from RPMs which are kept for the repositories.
#
#     lab_image         prints the image's root
#     lab_base_rpms     prints the folder of the RPMs of the packages in it (not signed)

[[ -z ${LAB_IMAGE_SOURCED:-} ]] || return 0
LAB_IMAGE_SOURCED=1
# shellcheck source=tests/lab/debian.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/debian.sh"

LAB_SUITE=trixie
# No time in an image's file or a package lies after this one: equal packages give equal RPMs.
LAB_SOURCE_DATE=1754697600

# What a minimal RHEL 8 has too: systemd, rpm, the libraries that dnf brings, and what every admin expects. No
# network manager, no service of the cluster, no Python.
LAB_IMAGE_PACKAGES=(systemd systemd-sysv dbus rpm iproute2 ca-certificates openssl passwd login procps
	libsolv1 libsolvext1 libarchive13t64 libyaml-0-2 zlib1g)

# Units that a machine of the lab has no use for, or that would touch its network or wait for a console.
LAB_IMAGE_MASK=(systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service
	systemd-network-generator.service systemd-resolved.service systemd-timesyncd.service systemd-firstboot.service
	console-getty.service getty@.service systemd-logind.service)

lab_rootfs_key() { cache_key "$LAB_DIR"/{debian,image}.sh "$LAB_SUITE" "$(debian_mirror)"; }

lab_image_key() {
	cache_key "$LAB_DIR"/{debian.sh,image.sh,rpms.py,recipes.py,debs.py} "$LAB_SUITE" "$(debian_mirror)"
}

lab_rootfs() {
	cache_build rootfs "$(lab_rootfs_key)" image_build_rootfs
}

lab_base_rpms() {
	local rootfs
	rootfs=$(lab_rootfs)
	cache_build base-rpms "$(lab_image_key)" image_build_rpms "$rootfs"
}

lab_image() {
	local rootfs rpms entry
	rootfs=$(lab_rootfs)
	rpms=$(lab_base_rpms)
	entry=$(cache_build image "$(lab_image_key)" image_build "$rootfs" "$rpms")
	printf '%s/root\n' "$entry"
}

image_build_rootfs() {
	debian_root "$1/root" "$LAB_SUITE" "${LAB_IMAGE_PACKAGES[@]}"
	image_configure "$1/root"
}

image_configure() {
	local root=$1 unit
	: >"$root/etc/machine-id" # each machine makes its own at its first start
	rm -f "$root/var/lib/dbus/machine-id" "$root"/var/log/{dpkg.log,alternatives.log,bootstrap.log}
	rm -rf "$root"/var/log/apt "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
	# One file: what a solver of RHEL 8 asks for.
	rm "$root/etc/os-release"
	ln -s ../usr/lib/os-release "$root/etc/os-release"
	printf 'PLATFORM_ID="platform:el8"\n' >>"$root/usr/lib/os-release"
	# Where rpm's database is and what machine this is must not depend on who runs rpm, or on which processor.
	mkdir -p "$root/etc/rpm"
	printf '%%_dbpath /var/lib/rpm\n' >"$root/etc/rpm/macros.lab"
	printf 'x86_64-redhat-linux\n' >"$root/etc/rpm/platform"
	for unit in "${LAB_IMAGE_MASK[@]}"; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
	ln -sf /usr/lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
	: >"$root/etc/resolv.conf"
	rm -rf "$root/etc/apt"
	# The times that the RPMs of these files will carry; and nothing is to be done at the first start of a machine.
	find "$root" -xdev -newermt "@$LAB_SOURCE_DATE" -exec touch -h -d "@$LAB_SOURCE_DATE" {} +
	touch -r "$root/usr" "$root/etc/.updated" "$root/var/.updated"
}

image_build_rpms() {
	need_commands rpmbuild python3 dpkg-deb
	SOURCE_DATE_EPOCH=$LAB_SOURCE_DATE python3 "$LAB_DIR/rpms.py" base --root "$2/root" --out "$1"
}

# The rpm database is written by the image's own rpm, which reads it later. Nothing is forced: every dependency
# must hold.
image_build() {
	local dir=$1 rootfs=$2 rpms=$3
	cp -a --reflink=auto "$rootfs/root" "$dir/root"
	mkdir "$dir/root/tmp/rpms"
	cp "$rpms"/*.rpm "$dir/root/tmp/rpms"
	chroot "$dir/root" /bin/sh -c 'rpm --install --justdb --nosignature /tmp/rpms/*.rpm && rpm --verifydb'
	rm -rf "$dir/root/tmp/rpms"
	mkdir "$dir/mnt" # for root_run
}
