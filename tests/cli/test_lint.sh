#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pgha-bundle lint finds each mistake with its place, and the lint of schema.md each key that it leaves out.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

cd "$root" || exit 1
expect "our own manifests are right" 0 "nothing wrong" "$bundle" lint
expect "what needs filling in is told" 0 "lab.yaml' has places to be filled in" "$bundle" lint manifests
d=$work/manifests
# fresh: our manifests without the lab's, as a copy that can be spoilt
fresh() {
	rm -rf "$d"
	cp -R "$root/manifests" "$d"
	rm "$d/lab.yaml"
}
fresh
expect "a copy is right too" 0 "4 services, 8 nodes: nothing wrong" "$bundle" lint "$d"
# spoilt NAME FILE SED TEXT: after this change lint ends with 3 and says TEXT
spoilt() {
	fresh
	sed -i "$3" "$d/$2"
	if cmp -s "$d/$2" "$root/manifests/$2"; then
		not_ok "$1" "'$3' changes nothing"
		return
	fi
	expect "$1" 3 "$4" "$bundle" lint "$d"
}
spoilt "an unknown key" rhel8.yaml 's/^services:/servces:/' "rhel8.yaml:28:1: unknown key 'servces' (did you mean 'services'?)"
spoilt "a weak pin" rhel8.yaml '0,/567E347A[0-9A-F]*/s//FD431D51/' "'FD431D51' is no fingerprint"
spoilt "a topology with an unknown service" topology.yaml '0,/\[etcd\]/s//[etcdd]/' "etcdd"
spoilt "two nodes of one name" topology.yaml 's/name: etcd2/name: etcd1/' "etcd1"
spoilt "an unknown key of a service" services/etcd/service.yaml 's/^layer:/laeyr:/' "service.yaml:"
spoilt "a file without its template" services/etcd/service.yaml '0,/template: [a-z.-]*/s//template: nowhere/' "nowhere"
spoilt "an unknown variable in a template" services/haproxy/templates/haproxy.cfg '1s/^/{{node.nmae}}\n/' \
	"node 'haproxy': service 'haproxy': haproxy.cfg:1: unknown variable 'node.nmae'"
# shellcheck disable=SC2016 # for sed
spoilt "a section that stays open" services/haproxy/templates/haproxy.cfg '$s/$/\n{{#nodes}}/' "haproxy.cfg"
spoilt "a repository option that takes security away" repos/pgdg.repo '0,/^baseurl/s//sslverify=0\nbaseurl/' "pgdg.repo"
spoilt "a virtual environment without wheels" rhel8.yaml '/^wheels:/d' "rhel8.yaml: service 'patroni' makes a virtual environment"
fresh
echo 'a: [' >"$d/rubbish.yaml"
echo 'b: 1' >"$d/other.yaml"
expect "every problem is told" 3 "3 problems in '$d'" bash -c "sed -i 's/name: etcd2/name: etcd1/' '$d/topology.yaml'; exec '$bundle' lint '$d'"
if [[ $out == *rubbish.yaml:* && $out == *"other.yaml: neither"* ]]; then ok "with its place"; else not_ok "with its place" "$out"; fi
fresh
mkdir "$d/services/unused"
printf 'service: unused\nlayer: x\nbad: 1\n' >"$d/services/unused/service.yaml"
expect "a service that no definition names is looked at too" 3 "services/unused/service.yaml:3:1" "$bundle" lint "$d"
expect "a directory that is not there" 2 "is no directory" "$bundle" lint "$work/none"
mkdir "$work/empty"
expect "an empty one" 2 "holds no manifests" "$bundle" lint "$work/empty"

# The documentation of the schema.
mkdir -p "$work/tree/manifests"
ln -s "$root/lib" "$root/bundler" "$work/tree/"
expect "schema.md is complete" 0 "" tests/lint/schema.py
for key in weak_deps requirements datacenter within_s members per_node OU stdin minrate; do
	sed "s/\b$key\b/nothing/g" manifests/schema.md >"$work/tree/manifests/schema.md"
	expect "schema.md without '$key' is noticed" 1 "'$key'" tests/lint/schema.py "$work/tree"
done
# shellcheck disable=SC2016 # for sed
sed 's/^| `layer` |/| `layers` |/' manifests/schema.md >"$work/tree/manifests/schema.md"
expect "a key that nothing reads is noticed" 1 "'layers' is no key" tests/lint/schema.py "$work/tree"
finish
