#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The first process of root_run's namespaces (connected.sh): lays an overlay over a cached root, which stays as it
# is, puts this machine's settings and the wanted folders into it, and runs a command there. All of it ends with
# this process.
#
#     enter.sh ENTRY DIRECTORY [--bind PATH | --ro PATH]... -- COMMAND...
#
# ENTRY holds root/ and an empty mnt/ to mount the overlay on.

set -Eeuo pipefail
entry=$1
directory=$2
shift 2

new=$entry/mnt
mount -t tmpfs -o mode=0755 lab "$new"
mkdir "$new"/{upper,work,root}
mount -t overlay -o "lowerdir=$entry/root,upperdir=$new/upper,workdir=$new/work" lab "$new/root"
new=$new/root

mount -t proc proc "$new/proc"
mount --rbind /dev "$new/dev"
mount -t tmpfs -o mode=1777 lab "$new/tmp"
mount -t tmpfs -o mode=0755 lab "$new/run"
cp -L /etc/resolv.conf /etc/hosts "$new/etc/"
if [[ -n ${LAB_CERTIFICATES:-} ]]; then
	cp -L "$LAB_CERTIFICATES" "$new/etc/ssl/certs/ca-certificates.crt"
	chmod 0644 "$new/etc/ssl/certs/ca-certificates.crt"
fi

# A folder stands where it stands outside; one that lies in another comes after it.
while [[ $1 != -- ]]; do
	mkdir -p "$new$2"
	mount --bind "$2" "$new$2"
	[[ $1 != --ro ]] || mount -o remount,bind,ro "$new$2"
	shift 2
done
shift

# In the foreground, so that the command itself gets the terminal's signals.
cd "$new"
# shellcheck disable=SC2016 # for the shell inside
chroot "$new" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$directory" "$@"
