#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# On a machine of the soak test: all that an installation is answerable for, one fact a line, sorted. Two machines that were
# brought to the same state say the same. What has salt, a time or a data base's own order is told without its content.
set -eu
export LC_ALL=C

# Scratch of the system, the test's own, and what is told below in other words.
prune() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp -o -path /root \
		-o -path /var/log -o -path /var/cache -o -path /var/lib/systemd -o -path /var/lib/pgha -o -path /var/lib/rpm \
		-o -path /etc/ld.so.cache -o -path /etc/.updated -o -path /var/.updated -o -path '/etc/*-' \
		-o -path /etc/machine-id -o -path /etc/shadow -o -path /etc/gshadow -o -path /etc/passwd -o -path /etc/group \
		-o -path /etc/subuid -o -path /etc/subgid -o -path '/var/lib/redis/*' -o -path /ballast \) -prune -o "$@"
}
prune -type d -printf 'directory %p %m %u:%g\n'
prune ! -type d ! -name '*.pyc' -printf 'path %p %y %m %u:%g %l\n'
prune -type f ! -name '*.pyc' -print0 | xargs -0 sha256sum | awk '{ print "content", $2, $1 }'

# sh -c: xargs and find may not be interrupted by an account that is there twice.
getent passwd | sed 's/^/passwd /'
getent group | sed 's/^/group /'
cut -d: -f1,2 /etc/shadow | sed 's/^/shadow /'

rpm -qa --qf 'package %{NEVRA}\n' || echo 'broken rpm -qa'
# It ends with 1 when anything differs: that it could look at all is what a package that is there shows, and its silence.
rpm -q bash >/dev/null 2>&1 || echo 'broken rpm: it knows no bash'
{ rpm -Va --nofiledigest 2>&1 || :; } | sed 's/^/verify /; s/^verify error: /broken rpm -Va: /'
find /var/lib/rpm ! -name '*-wal' ! -name '*-shm' -printf 'rpmdb %p %m %u:%g\n'

systemctl list-unit-files --state=enabled,masked --no-legend --no-pager --plain | awk '{ print "enabled", $1, $2 }'
systemctl list-units --state=failed --no-legend --no-pager --plain | awk '{ print "failed", $1 }'
for unit in redis.service drill.service; do
	systemctl show --property=Id,ActiveState,UnitFileState,NeedDaemonReload,Environment "$unit" | paste -sd' ' | sed 's/^/unit /'
	pid=$(systemctl show --property=MainPID --value "$unit")
	[ "$pid" = 0 ] || tr '\0' ' ' <"/proc/$pid/cmdline" | sed "s/^/runs $unit /; s/\$/\n/"
done
findmnt --real -rno TARGET,FSTYPE | sed 's/^/mount /'
ps -eo args | awk '/pgha-install|groupadd|useradd/ && !/awk/ { print "process", $0 }'

# The installer's memory.
cd /var/lib/pgha 2>/dev/null || exit 0
find . -path ./log -prune -o -path './record/*/files/*' -prune -o -path './bundles/*/*' -prune -o -printf 'state %p %y %m %u:%g\n'
[ ! -d bundles ] || find bundles -type f -print0 | sort -z | xargs -0r sha256sum | sha256sum | sed 's/^/state bundles /'
for file in committed vendors ca.crt packages revoked; do
	[ ! -e "$file" ] || sed "s/^/state $file: /" "$file"
done
[ ! -e secrets ] || sed 's/\$.*\( changing\)*$/\1/; s/^\([^ ]*\).*/state secrets \1/' secrets
for file in record/*/entries; do
	[ ! -e "$file" ] || sort "$file" | sed "s,^,state $file ,"
done
find record -path '*/files/*' -type f -exec sha256sum {} + 2>/dev/null | awk '{ print "state kept", $2, $1 }'
