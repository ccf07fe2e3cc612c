#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The example of a service of one's own (tests/lab/example): docs/add-a-service.md shows it as it is, lint accepts it, its settings
# come out of it. tests/lab/service.sh builds and installs it.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

cd "$root" || exit 1
example=tests/lab/example
# --- the page ------------------------------------------------------------------------------------------------
expect "the page shows every file as it is" 0 "5 files are shown" tests/cli/shown_files.py docs/add-a-service.md $example
mkdir -p "$work/tree/docs" "$work/tree/tests/lab"
cp docs/add-a-service.md "$work/tree/docs/"
cp -R $example "$work/tree/tests/lab/"
# shellcheck disable=SC2317 # called through expect
shown() { (cd "$work/tree" && exec "$root/tests/cli/shown_files.py" docs/add-a-service.md "$example"); }
echo '# more' >>"$work/tree/$example/services/redis/templates/redis.conf"
expect "a file that goes its own way is noticed" 1 "another text than $example/services/redis/templates/redis.conf" shown
cp $example/services/redis/templates/redis.conf "$work/tree/$example/services/redis/templates/"
touch "$work/tree/$example/services/redis/templates/new.conf"
expect "and one that the page lacks" 1 "does not show $example/services/redis/templates/new.conf" shown
rm -r "$work/tree/$example/services/redis/templates"
expect "and one that is gone" 1 "redis.conf is shown and is not there" shown

# --- the manifests -------------------------------------------------------------------------------------------
d=$work/manifests
cp -R $example "$d"
printf '[any]\nname=any\nbaseurl=file:///nowhere\n' >"$d/lab.repo"
expect "lint accepts them" 0 "1 service, 1 node: nothing wrong" "$bundle" lint "$d"
expect "the settings are described in French" 0 "Mot de passe que chaque client de Redis" "$bundle" secrets example -f "$d/example.yaml"
if [[ $out == *"Password that each client of Redis gives."* && $out == *$'\nREDIS_PASSWORD=\n'* && $out == *EXT_REDIS_PORT=6379* ]]; then
	ok "and in English, the password without a value"
else
	not_ok "and in English, the password without a value" "$out"
fi
expect "secrets init makes the password" 0 "1 random passwords" "$bundle" secrets init -f "$d/example.yaml" -o "$work/env"
if grep -qE '^REDIS_PASSWORD=[A-Za-z0-9]{32}$' "$work/env"; then ok "a strong one"; else not_ok "a strong one"; fi
undocumented=$(awk '/^\{\{[#^\/]/ { next } NF && !/^[#[]/ && !comment { print FILENAME ": " $0 } { comment = /^#/ }' \
	$example/services/*/templates/*)
if [[ -z $undocumented ]]; then ok "each line of its templates is documented"; else not_ok "each line of its templates is documented" "$undocumented"; fi
# What makes the example worth following: taken away, lint says so.
sed -i 's/mode: "0640", format: dquote/mode: "0644", format: dquote/' "$d/services/redis/service.yaml"
expect "a password in a file that everybody may read is refused" 3 "everybody could read secret 'REDIS_PASSWORD'" "$bundle" lint "$d"
cp $example/services/redis/service.yaml "$d/services/redis/"
sed -i "s/, PING\\]/, --pass, \"{{env.REDIS_PASSWORD}}\", PING]/" "$d/services/redis/service.yaml"
expect "and one in a command's arguments" 3 "secret 'REDIS_PASSWORD' would be visible here" "$bundle" lint "$d"

# --- beside our own services ---------------------------------------------------------------------------------
rm -rf "$d"
cp -R manifests "$d"
rm -f "$d/lab.yaml" "$d/.env"
"$bundle" secrets init -f "$d/rhel8.yaml" >/dev/null 2>&1 || not_ok "a .env of our own services"
cp -R $example/services/redis "$d/services/"
sed -i 's/^services: \[/&redis, /' "$d/rhel8.yaml"
sed -i 's/services: \[haproxy\]/services: [haproxy, redis]/' "$d/topology.yaml"
expect "on a node that has one of ours too, lint wants its password" 3 "'REDIS_PASSWORD' is not set: service 'redis' needs it" "$bundle" lint "$d"
expect "secrets rotate adds it" 0 "REDIS_PASSWORD: redis@haproxy" "$bundle" secrets rotate -f "$d/rhel8.yaml" REDIS_PASSWORD
expect "and lint accepts it" 0 "5 services, 8 nodes: nothing wrong" "$bundle" lint "$d"
finish
