#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What resolve says where a host's packages are in the way. Without a host: the error: lines of tests/solver/*.case.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

cat >"$work/host.inv" <<-END
	=Pkg: glibc 0 1 1 x86_64
	=Prv: glibc = 1-1
	=Pkg: foo 0 3 1 x86_64
	=Prv: foo = 3-1
	=Pkg: keeper 0 1 1 x86_64
	=Prv: keeper = 1-1
	=Req: foo >= 3
	=Pkg: oldtool 0 1 1 x86_64
	=Prv: oldtool = 1-1
	=Req: legacy
	=Pkg: legacy 0 1 1 x86_64
	=Prv: legacy = 1-1
END
"$root/tests/cli/make_repo.py" "$work/base" <<-END
	app-1-1.x86_64 requires: glibc >= 2
	glibc-2-1.x86_64
	foo-2-1.x86_64
	bar-1-1.x86_64 conflicts: legacy
	needold-1-1.x86_64 requires: foo < 3
	twin-a-1-1.x86_64 conflicts: twin-b
	twin-b-1-1.x86_64
END
printf '[base]\nname=base\nbaseurl=file://%s\n' "$work/base" >"$work/all.repo"

# fails NAME 'PACKAGE' 'LOCKED' <TEXT: all that resolve says, the ways out in any order, which is libsolv's
fails() {
	printf 'pgha: 1\nplatform: {id: "platform:el8", arch: x86_64}\nrepos: [all.repo]\nbaseline: host.inv\npackages: [%s]\nlocked: [%s]\n' \
		"$2" "$3" >"$work/b.yaml"
	sed "s|WORK|$work|g" | sort >"$work/expected"
	capture "$bundle" resolve -f "$work/b.yaml" -o "$work/b.lock" --cache "$work/cache"
	grep -v '^metadata:' "$work/.err" | sort >"$work/said"
	if ((status != 4)); then
		not_ok "$1" "exit status $status" "$err"
	elif ! diff "$work/expected" "$work/said" >"$work/diff"; then
		not_ok "$1" "$(<"$work/diff")"
	else
		ok "$1"
	fi
}

fails "a package of the host that is locked" app glibc <<-END
	pgha-bundle: WORK/b.yaml:5:12: 'app' (requested) cannot be installed: glibc-2-1.x86_64 (base) would take the place of glibc-1-1.x86_64 (baseline), which is locked
	  app-1-1.x86_64 (base) requires glibc >= 2
	  ways out:
	    - let glibc-1-1.x86_64 change (take it out of 'locked')
	    - do not ask for 'app' (WORK/b.yaml:5:12)
END
fails "a newer one on the host, which another package of it needs" foo-2 '' <<-END
	pgha-bundle: WORK/b.yaml:5:12: 'foo-2' (requested) cannot be installed: foo-2-1.x86_64 (base) would take the place of foo-3-1.x86_64 (baseline), which keeper-1-1.x86_64 (baseline) needs (foo >= 3)
	  ways out:
	    - remove keeper-1-1.x86_64 from the host
	    - do not ask for 'foo-2' (WORK/b.yaml:5:12)
END
fails "and that is locked" foo-2 keeper <<-END
	pgha-bundle: WORK/b.yaml:5:12: 'foo-2' (requested) cannot be installed: foo-2-1.x86_64 (base) would take the place of foo-3-1.x86_64 (baseline), which keeper-1-1.x86_64 (baseline) needs and which is locked itself (foo >= 3)
	  ways out:
	    - let keeper-1-1.x86_64 change (take it out of 'locked')
	    - do not ask for 'foo-2' (WORK/b.yaml:5:12)
END
fails "a newer one on the host than what a package needs" needold '' <<-END
	pgha-bundle: WORK/b.yaml:5:12: 'needold' (requested) cannot be installed: foo-2-1.x86_64 (base) would take the place of foo-3-1.x86_64 (baseline), which keeper-1-1.x86_64 (baseline) needs (foo >= 3)
	  needold-1-1.x86_64 (base) requires foo < 3
	  ways out:
	    - remove keeper-1-1.x86_64 from the host
	    - do not ask for 'needold' (WORK/b.yaml:5:12)
END
fails "a package of the host that is in conflict" bar '' <<-END
	pgha-bundle: WORK/b.yaml:5:12: 'bar' (requested) cannot be installed: bar-1-1.x86_64 (base) conflicts with legacy-1-1.x86_64 (baseline) (as 'legacy'): they cannot be on one host
	  ways out:
	    - remove legacy-1-1.x86_64 from the host, and remove oldtool-1-1.x86_64 from the host
	    - do not ask for 'bar' (WORK/b.yaml:5:12)
END
fails "a pattern whose packages are in conflict, with one way out told once" "'twin-*'" '' <<-END
	pgha-bundle: WORK/b.yaml:5:12: 'twin-*' (requested) cannot be installed: twin-a-1-1.x86_64 (base) conflicts with twin-b-1-1.x86_64 (base) (as 'twin-b'): they cannot be on one host
	  ways out:
	    - do not ask for 'twin-*' (WORK/b.yaml:5:12)
END
finish
