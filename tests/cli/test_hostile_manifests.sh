#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Manifests from somebody who means harm: nothing of the build host's goes into a bundle that was not meant to, and nothing holds us
# for ever.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

umask 022
here=$root/tests/cli
dir=$work/scene
capture "$here/make_bundle.sh" "$dir" 1
if ((status)); then
	not_ok "real packages are made" "$err"
	finish
fi
export PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS=$dir/wheels PGHA_CACHE_DIR=$work/cache
expect "keys are made" 0 "" "$bundle" keys init --out "$work/keys"
# shellcheck disable=SC2317 # called through expect
build() { timeout -k 5 60 "$bundle" build -f "$dir/bundle.yaml" --keys "$work/keys" --passphrases "$dir/passphrases" -o "$work/media"; }
# shellcheck disable=SC2317
lint() { timeout -k 5 60 "$bundle" lint "$dir"; }

# --- what is not theirs ---
mkdir -p "$work/home"
echo 'a private key' >"$work/home/id_rsa"
mkdir -p "$dir/services/link"
printf 'service: link\nlayer: link\npackages: [beta]\n' >"$dir/services/link/service.yaml"
sed -i 's/^services: .*/services: [alpha, beta, link]/' "$dir/bundle.yaml"
ln -s "$work/home" "$dir/services/link/templates"
expect "templates that are a link to a home are refused" 3 "link/templates' is a symbolic link" build
expect "by lint too" 3 "link/templates' is a symbolic link" lint
rm "$dir/services/link/templates"
mkdir "$dir/services/link/templates"
ln -s "$work/home/id_rsa" "$dir/services/link/templates/motd"
expect "a template that is a link is refused" 3 "templates/motd' is a symbolic link" build
expect "by lint as well" 3 "templates/motd' is a symbolic link" lint
rm -r "$dir/services/link/templates"
mv "$dir/.env" "$dir/.env.kept"
mkfifo -m 600 "$dir/.env"
expect "a pipe for the passwords does not hold us" 3 ".env' is not a regular file" build
expect "nor lint" 3 ".env' is not a regular file" lint
mv "$dir/.env.kept" "$dir/.env"
finish
