#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Stock pip installs a bundle's wheels without an index, by their hashes alone, into a new virtual environment, and Patroni runs.
# usage: stock-wheels.sh BUNDLE.tar PYTHON [--libpq]
# psycopg is pure Python and loads libpq; with --libpq the bundle's own is put into this root, which should be a throw-away one.
set -Eeuo pipefail

(($# == 2)) || [[ $# == 3 && $3 == --libpq ]] || {
	echo "usage: ${0##*/} BUNDLE.tar PYTHON [--libpq]" >&2
	exit 2
}
bundle=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/pgha-wheels-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
tar -xf "$bundle" --wildcards 'wheels/*'
pins=$(grep -c -- '--hash=sha256:' wheels/requirements.lock)
wheels=$(find wheels -name '*.whl' | wc -l)
((pins == wheels && pins > 0)) || {
	echo "not ok requirements.lock names $pins of $wheels wheels"
	exit 1
}
if [[ ${3:-} == --libpq ]]; then
	tar -xf "$bundle" --wildcards 'repo/Packages/postgresql17-libs-*.rpm'
	rpm2archive -n - <"$(find repo -name '*.rpm')" | tar -x
	find . -name 'libpq.so.*' -exec cp -a -t /usr/local/lib {} +
	ldconfig
fi
"$2" -m venv venv
env -i PATH=/usr/bin:/bin HOME="$work" PIP_CONFIG_FILE=/dev/null venv/bin/pip --disable-pip-version-check --quiet \
	install --no-index --require-hashes --find-links wheels -r wheels/requirements.lock
version=$(venv/bin/patroni --version)
[[ $version == "patroni $(sed -n 's/^patroni==\([^ ]*\) .*/\1/p' wheels/requirements.lock)" ]] || {
	echo "not ok patroni --version says '$version'"
	exit 1
}
echo "ok pip --no-index --require-hashes installs $wheels wheels, and $version runs"
