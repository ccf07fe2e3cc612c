#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# why and depends: the way from what was asked for to a package of the lock, and what needs what.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cache=$work/cache
# repo NAME [REVISION] <TEXT: a repository at $work/NAME (tests/cli/make_repo.py)
repo() { "$root/tests/cli/make_repo.py" "$work/$1" "${@:2}"; }
# definition 'A, B' ['LINE OF YAML'…]
definition() {
	printf 'pgha: 1\nplatform: {id: "platform:el8", arch: x86_64}\nrepos: [all.repo]\npackages: [%s]\n' "$1" >"$work/b.yaml"
	shift
	(($# == 0)) || printf '%s\n' "$@" >>"$work/b.yaml"
}
repos() {
	: >"$work/all.repo"
	for name in "$@"; do
		printf '[%s]\nname=%s\nbaseurl=file://%s\ngpgcheck=0\n' "$name" "$name" "$work/$name" >>"$work/all.repo"
	done
}
# shellcheck disable=SC2317 # called through expect
resolve() { "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$cache"; }
# shellcheck disable=SC2317
ask() { "$bundle" "$1" -f "$work/b.yaml" --lock "$work/b.lock" --cache "$cache" "${@:2}"; }
# says NAME COMMAND ARGUMENT… <TEXT: exit status 0, and just this on stdout
says() {
	local name=$1
	shift
	sed "s|WORK|$work|g" >"$work/expected"
	capture ask "$@"
	if ((status)); then
		not_ok "$name" "exit status $status" "$err"
	elif ! diff "$work/expected" "$work/.out" >"$work/diff"; then
		not_ok "$name" "$(<"$work/diff")"
	else
		ok "$name"
	fi
}

# --- ways ---
repos base extra
repo base 1 <<-END
	app-1-1.x86_64 requires: lib >= 1, tool; recommends: nice, absent
	lib-1:1-1.x86_64 requires: libc.so.6; provides: lib.so.1, lib.so.2
	tool-1-1.noarch requires: lib, lib.so.1, lib.so.2, (word if dict), /usr/share/data
	dict-1-1.noarch
	word-1-1.noarch
	glibc-1-1.x86_64 provides: libc.so.6
	nice-1-1.noarch requires: word
	data-1-1.noarch files: /usr/share/data
	unused-1-1.noarch
	a-1-1.noarch requires: libc.so.6
	b-1-1.noarch requires: libc.so.6
	c-1-1.noarch requires: libc.so.6
	d-1-1.noarch requires: libc.so.6
	e-1-1.noarch requires: libc.so.6
	hidden-1-1.noarch
END
repo extra 1 <<-END
	other-1-1.x86_64 requires: tool
	addon-1-1.noarch supplements: other
END
definition 'app, other, a, b, c, d, e'
expect "a lock to explain" 0 "11 packages" resolve
says "the shortest way from each request, the nearest first" why lib <<-END
	lib-1:1-1.x86_64 (base): 2 requests lead to it
	  the definition asks for 'app' (WORK/b.yaml:4:12)
	    app-1-1.x86_64 (base)
	      requires lib >= 1: lib-1:1-1.x86_64 (base)
	  the definition asks for 'other' (WORK/b.yaml:4:17)
	    other-1-1.x86_64 (extra)
	      requires tool: tool-1-1.noarch (base)
	        requires lib and 2 more: lib-1:1-1.x86_64 (base)
	  (2 packages of the lock require it: 'depends --reverse' lists them)
END
says "what is asked for itself" why app-1-1 <<-END
	app-1-1.x86_64 (base): 1 request leads to it
	  the definition asks for 'app' (WORK/b.yaml:4:12)
	    app-1-1.x86_64 (base)
END
says "a capability and a file" why lib.so.2 /usr/share/data <<-END
	lib-1:1-1.x86_64 (base): 2 requests lead to it
	  the definition asks for 'app' (WORK/b.yaml:4:12)
	    app-1-1.x86_64 (base)
	      requires lib >= 1: lib-1:1-1.x86_64 (base)
	  the definition asks for 'other' (WORK/b.yaml:4:17)
	    other-1-1.x86_64 (extra)
	      requires tool: tool-1-1.noarch (base)
	        requires lib and 2 more: lib-1:1-1.x86_64 (base)
	  (2 packages of the lock require it: 'depends --reverse' lists them)

	data-1-1.noarch (base): 2 requests lead to it
	  the definition asks for 'app' (WORK/b.yaml:4:12)
	    app-1-1.x86_64 (base)
	      requires tool: tool-1-1.noarch (base)
	        requires /usr/share/data: data-1-1.noarch (base)
	  the definition asks for 'other' (WORK/b.yaml:4:17)
	    other-1-1.x86_64 (extra)
	      requires tool: tool-1-1.noarch (base)
	        requires /usr/share/data: data-1-1.noarch (base)
	  (1 package of the lock requires it: 'depends --reverse' lists it)
END
expect "five requests at most" 0 "  and 2 more: --all shows them" ask why glibc
expect "unless all are wanted" 0 "'other' (" ask why glibc --all
for form in 'lib-1:1-1.x86_64' 'lib-1-1.x86_64' 'lib.x86_64' 'li?' 'lib-1'; do
	expect "a package as $form" 0 "lib-1:1-1.x86_64 (base): 2 requests" ask why "$form"
done

# --- what is not in the lock ---
expect "a word that nobody knows" 4 "the lock has no package 'nosuch'
  the repositories: no package 'nosuch' (asked for here) in any repository" ask why nosuch
one_line "that is one line"
expect "a word that is nearly one" 4 "the lock has no package 'tol' (did you mean 'tool'?)" ask why tol
expect "a package of a repository" 4 \
	"the lock has no package 'unused': nothing that was asked for needs unused-1-1.noarch of repository 'base'" ask why unused
expect "depends says so too" 4 "the lock has no package 'unused'" ask depends unused
expect "a package that is not named" 2 "an argument is missing: NEVRA|NAME..." ask why
expect "a lock that is not there" 2 "gone.lock" "$bundle" why -f "$work/b.yaml" --lock "$work/gone.lock" app
expect "help has an example" 0 "Example:
  pgha-bundle why -f" "$bundle" why --help

# --- boolean dependencies ---
definition 'app, dict'
expect "a condition that holds" 0 "7 packages" resolve
says "is a way" why word <<-END
	word-1-1.noarch (base): 1 request leads to it
	  the definition asks for 'app' (WORK/b.yaml:4:12)
	    app-1-1.x86_64 (base)
	      requires tool: tool-1-1.noarch (base)
	        requires (word if dict): word-1-1.noarch (base)
	  (1 package of the lock requires it: 'depends --reverse' lists it)
END
definition 'app, other, a, b, c, d, e'
expect "the lock from before" 0 "11 packages" resolve

# --- depends ---
says "what a package requires, and who provides it" depends tool <<-END
	tool-1-1.noarch (base)
	requires, and the lock has:
	  data-1-1.noarch (base)
	    /usr/share/data
	  lib-1:1-1.x86_64 (base)
	    lib, lib.so.1, lib.so.2
	requires under a condition that does not hold:
	  (word if dict)
END
says "what is recommended" depends app <<-END
	app-1-1.x86_64 (base)
	requires, and the lock has:
	  lib-1:1-1.x86_64 (base)
	    lib >= 1
	  tool-1-1.noarch (base)
	    tool
	recommends, and the lock does without:
	  nice
	  absent
END
says "and what requires it" depends --reverse tool <<-END
	tool-1-1.noarch (base)
	is required by:
	  app-1-1.x86_64 (base)
	    tool
	  other-1-1.x86_64 (extra)
	    tool
END
says "or asks for it" depends --reverse app <<-END
	app-1-1.x86_64 (base)
	the definition asks for 'app' (WORK/b.yaml:4:12)
END

# --- JSON ---
# json NAME 'PYTHON' COMMAND…: an expression over the answer `d` that must be true
json() {
	local name=$1 test=$2
	shift 2
	capture ask "$@" --json
	if ((status == 0)) && python3 -c "import json, sys; d = json.load(sys.stdin); p = d['packages']; sys.exit(not ($test))" \
		<"$work/.out"; then
		ok "$name"
	else
		not_ok "$name" "$out" "$err"
	fi
}
json "why as JSON" "p[0]['nevra'] == 'lib-1:1-1.x86_64' and p[0]['ways'][1]['from']['repo'] == 'extra' and
	[s['capabilities'] for s in p[0]['ways'][1]['steps']] == [['tool'], ['lib', 'lib.so.1', 'lib.so.2']]" why lib
json "depends as JSON" "[n['nevra'] for n in p[0]['needs']] == ['data-1-1.noarch', 'lib-1:1-1.x86_64'] and
	p[0]['requires_outside'] == [{'capability': '(word if dict)', 'host': None}]" depends tool
json "depends --reverse as JSON" "[n['nevra'] for n in p[0]['needed_by']] == ['app-1-1.x86_64', 'other-1-1.x86_64']" \
	depends tool --reverse

# --- weak dependencies ---
definition 'app, other' 'weak_deps: true'
expect "a lock with what is recommended" 0 "9 packages" resolve
says "a package that is recommended" why nice <<-END
	nice-1-1.noarch (base): 1 request leads to it, and none requires it
	  the definition asks for 'app' (WORK/b.yaml:4:12)
	    app-1-1.x86_64 (base)
	      recommends nice: nice-1-1.noarch (base)
END
says "what such a package requires" why word <<-END
	word-1-1.noarch (base): 1 request leads to it, and none requires it
	  the definition asks for 'app' (WORK/b.yaml:4:12)
	    app-1-1.x86_64 (base)
	      recommends nice: nice-1-1.noarch (base)
	        requires word: word-1-1.noarch (base)
	  (1 package of the lock requires it: 'depends --reverse' lists it)
END
says "a package that supplements another" why addon <<-END
	addon-1-1.noarch (extra): 1 request leads to it, and none requires it
	  the definition asks for 'other' (WORK/b.yaml:4:17)
	    other-1-1.x86_64 (extra)
	      is supplemented (other): addon-1-1.noarch (extra)
END

# --- conditions ---
repo rich 1 <<-END
	app-1-1.x86_64 requires: tool, user
	dict-1-1.x86_64
	text-1-1.x86_64
	tool-1-1.x86_64 requires: (word if dict)
	user-1-1.x86_64 requires: word, (text if tool else dict)
	word-1-1.x86_64
END
repos rich
definition app
rm "$work/b.lock"
expect "a lock with conditions" 0 "5 packages" resolve
# reason NAME PACKAGE TEXT: the lock's reason
reason() { expect "$1" 0 "$3" sed -n "/nevra: $2-/,/reason/s/.*reason: //p" "$work/b.lock"; }
reason "one that does not hold is no reason in the lock" word "package user-1-1.x86_64"
reason "one that does is" text "package user-1-1.x86_64"
expect "nor is it one for why" 0 "requires word: word-1-1.x86_64 (rich)" ask why word
expect "a condition with two sides" 0 "requires (text if tool else dict): text-1-1.x86_64 (rich)" ask why text

# --- module streams ---
cat >"$work/modules.yaml" <<-END
	---
	document: modulemd
	version: 2
	data:
	  name: m
	  stream: '1'
	  version: 1
	  context: c0
	  arch: x86_64
	  summary: s
	  description: d
	  license: {module: [MIT]}
	  artifacts: {rpms: ['inner-0:1-1.noarch']}
	...
END
repo modular 1 <<-END
	inner-1-1.noarch
	outer-1-1.noarch requires: inner
	modules: $work/modules.yaml
END
repos modular
definition outer 'modules: {enable: ["m:1"]}'
rm "$work/b.lock"
expect "a lock with a module stream" 0 "2 packages" resolve
expect "the stream is named" 0 "requires inner: inner-1-1.noarch (modular, m:1)" ask why inner
repos base extra

# --- a baseline ---
cat >"$work/host.inv" <<-END
	=Pkg: lib 0 0.9 1 x86_64
	=Prv: lib = 0.9-1
	=Pkg: old-lib-tool 0 0.9 1 x86_64
	=Prv: old-lib-tool = 0.9-1
	=Req: lib = 0.9-1
	=Pkg: glibc 0 1 1 x86_64
	=Prv: glibc = 1-1
	=Prv: libc.so.6
END
repo base 2 <<-END
	app-1-1.x86_64 requires: lib >= 1
	lib-1-1.x86_64 requires: libc.so.6
	old-lib-tool-1-1.x86_64 requires: lib = 1-1
	glibc-1-1.x86_64 provides: libc.so.6
END
definition 'app' 'baseline: host.inv'
rm "$work/b.lock"
expect "a lock for a host" 0 "3 packages" resolve
says "a package of the host that must go along" why old-lib-tool <<-END
	old-lib-tool-1-1.x86_64 (base): 1 request leads to it, and none requires it
	  the definition asks for 'app' (WORK/b.yaml:4:12)
	    app-1-1.x86_64 (base)
	      requires lib >= 1: lib-1-1.x86_64 (base)
	        takes lib = 0.9-1 from the host, where another needs it: old-lib-tool-1-1.x86_64 (base)
END
says "what the host has is said" depends lib <<-END
	lib-1-1.x86_64 (base)
	requires, and the host has (baseline):
	  glibc-1-1.x86_64: libc.so.6
END
expect "a package that the host has" 4 "the lock has no package 'glibc': the baseline has glibc-1-1.x86_64, and nothing needs another" \
	ask why glibc

# --- when things move on ---
: >"$work/log"
coproc server { exec "$root/tests/cli/repo_server.py" "$work" "$work/log"; }
server_pid=${server_PID:?}
# shellcheck disable=SC2317 # the trap calls it
stop_server() {
	kill "$server_pid"
	rm -rf "$work"
}
trap stop_server EXIT
read -r port <&"${server[0]}"
sed -i "s|baseurl=file://$work/|baseurl=http://127.0.0.1:$port/|" "$work/all.repo"
# asked_nothing NAME: no request came since the last time
asked_nothing() {
	if [[ -s $work/log ]]; then not_ok "$1" "$(<"$work/log")"; else ok "$1"; fi
	: >"$work/log"
}
repo base 3 <<-END
	app-1-1.x86_64 requires: lib >= 1
	lib-1-1.x86_64
	tool-1-1.noarch requires: lib
END
definition 'app, other'
rm "$work/b.lock"
expect "a lock of today" 0 "4 packages" resolve
: >"$work/log"
expect "is explained from the cache" 0 "lib-1-1.x86_64 (base): 2 requests" ask why lib
asked_nothing "without asking anybody"
repo base 4 <<-END
	app-1-1.x86_64 requires: lib >= 1
	lib-1-2.x86_64
	tool-1-1.noarch requires: lib
END
expect "also when the repository has moved on" 0 "lib-1-1.x86_64 (base): 2 requests" ask why lib
asked_nothing "which nobody asks"
expect "another lock moves the cache on" 0 "" \
	"$bundle" resolve -f "$work/b.yaml" -o "$work/other.lock" --cache "$cache"
expect "and the old lock cannot be explained" 4 \
	"b.lock: the repositories have moved on: 1 of the lock's 4 packages cannot be looked up" ask why app
expect "which name what is missing" 4 "  lib-1-1.x86_64 (base) is not there any more" ask why app
expect "and the repository" 4 "  repository 'base': repomd.xml is" ask why app
repo base 5 <<-END
	app-1-1.x86_64 requires: lib >= 1
	lib-1-2.x86_64 requires: tool
	tool-1-1.noarch requires: lib
END
expect "a package that was rebuilt is not what the lock has" 4 "  lib-1-2.x86_64 (base) is another file now" \
	"$bundle" why -f "$work/b.yaml" --lock "$work/other.lock" --cache "$cache" lib --refresh
expect "a fresh lock" 0 "4 packages" resolve
definition 'app'
expect "a request that the definition has no more" 0 \
	"'requested', says the lock; the definition does not ask for it any more" ask why other
definition 'app, other, unheard'
expect "a request that the lock does not know" 0 "no package 'unheard'" ask why other
rm -rf "$cache"
expect "no cache and no network" 4 "repository 'base'" ask why app --offline
expect "no cache, and a network" 0 "app-1-1.x86_64 (base): 1 request" ask why app
finish
