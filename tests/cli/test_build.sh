#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What pgha-bundle build refuses before it fetches anything: a bundle that its nodes would refuse is not signed.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

umask 077
# fresh: a right definition of two services on two nodes, whose repository is not there.
fresh() {
	rm -rf "$work/d"
	mkdir -p "$work/d/services/alpha/templates" "$work/d/services/beta/templates"
	cd "$work/d" || exit 1
	cat >bundle.yaml <<'EOF'
pgha: 1
cluster: test
platform: {id: "platform:el8", arch: x86_64}
repos: [none.repo]
installer: installer
services: [alpha, beta]
topology: topology.yaml
env: .env
EOF
	printf '[none]\nbaseurl=file:///nonexistent/repository\n' >none.repo
	cat >topology.yaml <<'EOF'
domain: test
nodes:
  - {name: one, address: 10.0.0.1, datacenter: dc1, services: [alpha]}
  - {name: two, address: 10.0.0.2, datacenter: dc1, services: [beta]}
EOF
	local name
	for name in alpha beta; do
		cat >"services/$name/service.yaml" <<EOF
service: $name
layer: $name
packages: [$name]
files:
  - {template: main, dest: /etc/$name.conf, owner: root, group: root, mode: "0640", format: ini}
env:
  - {name: ${name^^}_PASSWORD, secret: true}
EOF
		echo "password = {{env.${name^^}_PASSWORD}}" >"services/$name/templates/main"
		echo "${name^^}_PASSWORD=the password of $name"
	done >.env
	printf 'one=correct horse battery\ntwo=battery horse correct\n' >passphrases
	printf '#!/bin/sh\n' >installer
}
build() {
	expect "$1" "$2" "$3" "$bundle" build -f bundle.yaml --keys ../keys --passphrases passphrases --cache ../cache -o out
	one_line "$1: in one line"
	if [[ -e out ]]; then not_ok "$1: nothing is written" "$(ls -A out)"; else ok "$1: nothing is written"; fi
	if [[ $out$err == *"the password of"* ]]; then not_ok "$1: no secret is told"; else ok "$1: no secret is told"; fi
}

"$bundle" keys init --out "$work/keys" >/dev/null 2>&1
fresh
build "a right definition gets as far as its repository" 4 "/nonexistent/repository"
printf 'one=correct horse battery\ntwo=correct horse battery\n' >passphrases
expect "a passphrase that two nodes share is told" 4 "passphrases: nodes 'one' and 'two' have the same passphrase" \
	"$bundle" build -f bundle.yaml --keys ../keys --passphrases passphrases --cache ../cache -o out
if [[ $err == *correct* ]]; then not_ok "and not shown" "$err"; else ok "and not shown"; fi
fresh
echo '{{env.BETA_PASSWORD}}' >>services/alpha/templates/main
build "a template cannot read another service's secret" 3 "node 'one': service 'alpha': main:2: unknown variable 'env.BETA_PASSWORD'"
fresh
echo '{{node.nmae}}' >>services/beta/templates/main
build "a slip in a template shows at build" 3 "node 'two': service 'beta': main:2: unknown variable 'node.nmae'"
fresh
sed -i 's,/etc/beta.conf,/etc/alpha.conf,' services/beta/service.yaml
sed -i 's/\[beta\]/[alpha, beta]/' topology.yaml
build "two services of a node cannot want one file" 3 "'/etc/alpha.conf' is wanted twice on this node"
fresh
rm installer
build "an installer that is not there is the definition's mistake" 3 "installer': No such file or directory"
fresh
printf 'text' >installer
build "an installer that is no program is refused" 3 "no ELF file"
fresh
cp "$bundle" installer
sed -i 's/x86_64}/x86_64, glibc: "2.17"}/' bundle.yaml
build "an installer that a minimal machine cannot start is refused" 3 "does not start on a minimal machine with glibc 2.17: it needs glibc 2."
fresh
chmod 640 .env
build "an .env that others may read is refused" 3 "chmod 600"
fresh
sed -i /two/d passphrases
build "a node without a passphrase is named" 3 "no passphrase for node 'two'"
fresh
sed -i 's/^BETA_PASSWORD=.*/BETA_PASSWORD=the password of alpha/' .env
build "two passwords that are the same are refused" 3 \
	"variables 'ALPHA_PASSWORD' and 'BETA_PASSWORD' have the same value"
fresh
echo ALPHA_PASWORD=x >>.env
build "a variable that no service reads is refused" 3 \
	".env:3: no service reads 'ALPHA_PASWORD' (did you mean 'ALPHA_PASSWORD'?)"
fresh
echo 'venv: {path: /opt/alpha, python: /usr/bin/python3}' >>services/alpha/service.yaml
build "a virtual environment without wheels is refused" 3 "service 'alpha' makes a virtual environment"
fresh
sed -i 's/^services: .*/services: [alpha, btea]/' bundle.yaml
build "a slip in a service of the definition is found there" 3 "btea"
finish
