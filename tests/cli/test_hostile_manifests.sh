#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Manifests, and a directory to work in, from somebody who means harm: nothing of the build host's goes into a bundle that was not
# meant to, nothing that lies about is run, and nothing holds us for ever.
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

if ! python3 -m pip --version >/dev/null 2>&1; then
	skip "wheels" "python3 has no pip"
	finish
fi

# --- a wheel that leads out of its place ---
mkdir "$work/wheels"
cp "$dir"/wheels/*.whl "$work/wheels"
python3 -c 'import sys, zipfile
zipfile.ZipFile(sys.argv[1], "a").writestr("../demo.pth", "import os")' "$work"/wheels/demo-*.whl
expect "a wheel with a path out of it is not signed for" 5 "holds '../demo.pth', which leads out of it" env PIP_FIND_LINKS="$work/wheels" \
	"$bundle" build -f "$dir/bundle.yaml" --keys "$work/keys" --passphrases "$dir/passphrases" -o "$work/media" --cache "$work/cache.w"

# --- what lies about in the directory that one works in ---
mkdir -p "$work/about/pip"
for module in importlib json os pathlib re resource runpy subprocess tarfile tomllib venv zipfile pip/__init__ pip/__main__; do
	echo "open('$work/ran', 'w')" >"$work/about/$module.py"
done
# shellcheck disable=SC2317
resolve_there() { (cd "$work/about" && "$bundle" resolve -f "$1" -o "$work/a.lock" --cache "$work/cache.$RANDOM"); }
expect "a directory full of Python's own names resolves" 0 "1 wheel" resolve_there "$dir/bundle.yaml"
if [[ -e $work/ran ]]; then not_ok "none of it was run"; else ok "none of it was run"; fi

# --- a source that looks around ---
mkdir -p "$work/source/curious-1.0" "$work/index"
cat >"$work/source/curious-1.0/backend.py" <<'PY'
import os, zipfile
with open("@seen@", "a") as seen:
    print(*(f"{name}={value}" for name, value in os.environ.items()), sep="\n", file=seen)
def build_wheel(directory, settings=None, metadata=None):
    info = "curious-1.0.dist-info/"
    with zipfile.ZipFile(os.path.join(directory, "curious-1.0-py3-none-any.whl"), "w") as z:
        for name, text in (("curious.py", "x = 1\n"), (info + "METADATA", "Metadata-Version: 2.1\nName: curious\nVersion: 1.0\n"),
                           (info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"), (info + "RECORD", "")):
            z.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return "curious-1.0-py3-none-any.whl"
PY
sed -i "s|@seen@|$work/seen|" "$work/source/curious-1.0/backend.py"
printf '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n' >"$work/source/curious-1.0/pyproject.toml"
printf 'Metadata-Version: 2.1\nName: curious\nVersion: 1.0\n' >"$work/source/curious-1.0/PKG-INFO"
tar -C "$work/source" -czf "$work/index/curious-1.0.tar.gz" curious-1.0
sed -i 's/requirements: \[demo\]/requirements: [curious]/' "$dir/bundle.yaml"
mkdir "$work/operator"
expect "a source is built" 0 "1 wheel" env HOME="$work/operator" PIP_FIND_LINKS="$work/index" PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
	PIP_EXTRA_INDEX_URL=https://user:topsecret@127.0.0.1:1/simple https_proxy=http://user:topsecret@127.0.0.1:1 \
	"$bundle" resolve -f "$dir/bundle.yaml" -o "$work/c.lock" --cache "$work/cache.c"
if grep -q topsecret "$work/seen" || [[ ! -s $work/seen ]]; then
	not_ok "it sees no password of pip's settings" "$(grep topsecret "$work/seen")"
else
	ok "it sees no password of pip's settings"
fi
if grep -q "^HOME=$work/operator" "$work/seen"; then not_ok "nor the operator's home"; else ok "nor the operator's home"; fi
finish
