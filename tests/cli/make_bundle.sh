#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes in DIR all that `pgha-bundle build` needs, with real signed packages and no network:
#   bundle.yaml, topology.yaml, .env, passphrases, services/{alpha,beta}, scene.repo, key.asc, installer
#   repo/    alpha, beta, gamma and FILLERS packages filler-N of KIB incompressible KiB each; advisories of two of them and one that is
#            not wanted; gamma is of the module stream gamma:rolling, which is not the default
#   wheels/  demo 1.0, for pip's --find-links
# usage: make_bundle.sh DIR [FILLERS [KIB [VERSION]]]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
fillers=${2:-3} kib=${3:-16} version=${4:-2}
export LC_ALL=C HOME=$dir/home
export GNUPGHOME=$HOME/gnupg
mkdir -p "$dir"/{repo,wheels,spec} "$dir"/services/{alpha,beta}/templates "$GNUPGHOME"
chmod 700 "$GNUPGHOME"
trap 'gpgconf --kill all; rm -rf "$HOME" "$dir/spec"' EXIT

spec() {
	local name
	printf 'Name: alpha\nEpoch: 1\nVersion: %d\nRelease: 1\nSummary: a service\nLicense: MIT\nBuildArch: noarch\n' "$version"
	printf 'Recommends: (nothing if beta)\nSuggests: nobody\nConflicts: alpha-old < 2:0\nObsoletes: omega < 1\n'
	printf '%%define _binary_payload w0.gzdio\n%%description\nOf a test: <&> "é" ß €.\n'
	printf '%%install\nmkdir -p %%{buildroot}/opt\n'
	for name in "${packages[@]}"; do
		printf 'head -c %dK /dev/urandom >%%{buildroot}/opt/%s\n' "$kib" "$name"
	done
	printf 'mkdir %%{buildroot}/opt/of-alpha\n'
	printf '%%files\n/opt/alpha\n%%dir /opt/of-alpha\n%%ghost /opt/of-alpha/é\n'
	for name in "${packages[@]:1}"; do
		printf '%%package -n %s\nSummary: a package\n%%description -n %s\nOf a test.\n%%files -n %s\n/opt/%s\n' \
			"$name" "$name" "$name" "$name"
	done
	printf '%%changelog\n* Thu Jan 01 2026 Ö. Ç. <o@example.org> - 2-1\n- Of a test: <&> é\n'
	printf '%%package -n gamma\nSummary: of a module\nModularityLabel: gamma:rolling:1:c0ffee\n%%description -n gamma\nOf a test.\n%%files -n gamma\n'
}

module() { # STREAM VERSION
	printf -- '---\ndocument: modulemd\nversion: 2\ndata:\n  name: gamma\n  stream: "%s"\n  version: 1\n  context: c0ffee\n  arch: noarch\n' "$1"
	printf '  summary: a module\n  description: >-\n    Of a test.\n  license:\n    module: [MIT]\n  dependencies:\n  - {}\n'
	printf '  artifacts:\n    rpms:\n    - gamma-1:%s-1.noarch\n...\n' "$2"
}

mapfile -t packages < <(printf '%s\n' alpha beta unwanted; seq -f 'filler-%g' "$fillers")
spec >"$dir/spec/scene.spec"
rpmbuild -bb --quiet --define "_topdir $dir/spec" --define "_rpmdir $dir/repo" --define "dbpath $dir/spec/db" \
	--define '_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' "$dir/spec/scene.spec" >"$dir/spec/log" 2>&1 ||
	{ cat "$dir/spec/log" >&2; exit 1; }
gpg --batch --quiet --no-tty --pinentry-mode loopback --passphrase '' --quick-gen-key 'scene <scene@example.org>' rsa2048 sign never \
	2>"$dir/spec/log"
gpg --batch --armor --export scene@example.org >"$dir/key.asc"
fingerprint=$(gpg --batch --with-colons --list-keys | awk -F: '$1 == "fpr" && !n++ { print $10 }')
find "$dir/repo" -name '*.rpm' -print0 | xargs -0 -n 25 rpmsign --define '_gpg_name scene@example.org' --define "_gpg_path $GNUPGHOME" \
	--define '__gpg /usr/bin/gpg' --define "dbpath $dir/spec/db" --addsign >"$dir/spec/log" 2>&1

advisory() { # ID TYPE SEVERITY TITLE CVE PACKAGE…
	local package
	printf '<update from="scene" status="final" type="%s" version="1"><id>%s</id><title>%s</title><severity>%s</severity>' "$2" "$1" "$4" "$3"
	printf '<issued date="2026-01-01 00:00:00"/><references><reference href="https://example.org" id="%s" type="cve" title="%s"/>' "$5" "$5"
	printf '</references><pkglist><collection short="scene"><name>scene</name>'
	for package in "${@:6}"; do
		printf '<package name="%s" epoch="1" version="%d" release="1" arch="noarch"><filename>%s-%d-1.noarch.rpm</filename></package>' \
			"$package" "$version" "$package" "$version"
	done
	printf '</collection></pkglist></update>\n'
}
{
	printf '<?xml version="1.0" encoding="UTF-8"?>\n<updates>\n'
	advisory SCENE-2026:1 security Important 'alpha does what it should &amp; no more' CVE-2026-1 alpha unwanted
	advisory SCENE-2026:2 bugfix None 'of what is not there' CVE-2026-2 unwanted
	advisory SCENE-2026:3 security Low 'beta, called "β"' CVE-2026-3 beta
	printf '</updates>\n'
} >"$dir/spec/updateinfo.xml"
{
	module rolling "$version"
	module old 1
	printf -- '---\ndocument: modulemd-defaults\nversion: 1\ndata:\n  module: gamma\n  stream: "old"\n...\n'
} >"$dir/spec/modules.yaml"
createrepo_c --quiet "$dir/repo"
modifyrepo_c --mdtype=modules "$dir/spec/modules.yaml" "$dir/repo/repodata" >/dev/null
modifyrepo_c --mdtype=updateinfo "$dir/spec/updateinfo.xml" "$dir/repo/repodata" >/dev/null
python3 "$here/../unit/make_wheels.py" "$dir/wheels" demo==1.0

cat >"$dir/bundle.yaml" <<YAML
pgha: 1
cluster: scene
platform: {id: "platform:el8", arch: x86_64, glibc: "2.28", python: "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')"}
repos: [scene.repo]
trust: {scene: [$fingerprint]}
installer: installer
services: [alpha, beta]
modules: {enable: ["gamma:rolling"]}
packages: [gamma, $(seq -s ', ' -f 'filler-%g' "$fillers")]
wheels: {requirements: [demo]}
topology: topology.yaml
env: .env
YAML
printf '[scene]\nname=scene\nbaseurl=file://%s/repo\ngpgcheck=1\ngpgkey=file://%s/key.asc\n' "$dir" "$dir" >"$dir/scene.repo"
cat >"$dir/topology.yaml" <<'YAML'
domain: test
nodes:
  - {name: one, address: 10.0.0.1, datacenter: dc1, services: [alpha]}
  - {name: two, address: 10.0.0.2, datacenter: dc1, services: [beta]}
YAML
for name in alpha beta; do
	cat >"$dir/services/$name/service.yaml" <<YAML
service: $name
layer: $name
packages: [$name]
certificates:
  - {name: server, subject: {O: pgha, OU: $name}, usage: [serverAuth], cert: /etc/$name/server.crt,
     key: /etc/$name/server.key, ca: /etc/$name/ca.crt, owner: root, group: root, mode: "0640"}
files:
  - {template: main, dest: /etc/$name.conf, owner: root, group: root, mode: "0640", format: ini}
env:
  - {name: ${name^^}_PASSWORD, secret: true}
YAML
	echo "password = {{env.${name^^}_PASSWORD}}" >"$dir/services/$name/templates/main"
done
(
	umask 077
	printf 'ALPHA_PASSWORD=the password of alpha\nBETA_PASSWORD=the password of beta\n' >"$dir/.env"
	printf 'one=correct horse battery\ntwo=battery horse correct\n' >"$dir/passphrases"
)
printf '#!/bin/sh\n' >"$dir/installer"
