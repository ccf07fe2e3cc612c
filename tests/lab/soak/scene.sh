# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# Two bundles for one machine, and the machine in the states that cases begin with. Sourced by soak.sh.
#
#	scene_build            build/soak: one.tar, two.tar and what goes with them
#	scene_machine STATE    a machine in that state, running: fresh, one (bundle one is installed), two
#	scene_keep STATE       makes a state of what the running machine is now
#	scene_bundle N         carries on with bundle one or two
#	scene_command VERB [OPTION…]   what is run on the machine: install, rollback, uninstall
#	scene_snapshot         what the machine is now (snapshot.sh)

SCENE_MEDIA=/root/media

scene_build() {
	rm -rf "$DEMO"
	mkdir -p "$DEMO/log" "$DEMO/media"
	install -d -m 0700 "$LAB_SECRETS"
	lab_preflight
	step 'target image' demo_image
	step 'RPMs and repositories' demo_repositories
	step 'connected side' lab_connected >/dev/null
	step 'repositories over HTTPS' serve_start "$LAB_RUN"
	step 'build pgha there' demo_make
	connected_run gcc -Wall -O1 -shared -fPIC -o "$DEMO/point.so" tests/lab/soak/point.c -ldl
	step 'packages with scriptlets' scene_packages
	cp -R "$here/soak" "$DEMO/manifests"
	cp -R "$here/example/services/redis" "$DEMO/manifests/services"
	sed -i 's/512}}/16}}/' "$DEMO/manifests/services/redis/service.yaml" # a disk that can be filled quickly
	rm "$DEMO/manifests"/*.{sh,c,spec}
	cp "$LAB_RUN/repos/lab.repo" "$DEMO/manifests"
	sed "s/}\$/, drill: [$(<"$DEMO/fingerprint")]}/" "$LAB_RUN/repos/trust.yaml" >>"$DEMO/manifests/soak.yaml"
	step 'keys' scene_bundler keys init --out build/soak/secrets/keys
	step 'passwords' scene_bundler secrets init -f build/soak/manifests/soak.yaml
	"$here/settings.py" passphrases "$LAB_TOPOLOGY" "$LAB_SECRETS/passphrases"
	step 'bundle one' scene_bundle_build one 1
	step 'bundle two' scene_bundle_build two 2
	cp "$LAB_SECRETS/keys/ca.crt" "$DEMO/pgha-install" "$DEMO/point.so" "$here/soak/snapshot.sh" "$DEMO/media"
	install -m 0600 "$LAB_SECRETS/passphrases.$NODE" "$DEMO/media/passphrase"
	serve_stop "$LAB_RUN"
}

scene_bundler() { connected_run build/lab/pgha-bundle "$@"; }

# drill 1 and drill 2 in repositories of their own, signed by a key of this run.
scene_packages() {
	local version home=$DEMO/packages
	mkdir -p "$home"
	install -d -m 0700 "$home/gnupg"
	(
		export GNUPGHOME=$home/gnupg HOME=$home
		trap 'gpgconf --kill all' EXIT
		gpg --batch --quiet --pinentry-mode loopback --passphrase '' --quick-gen-key 'drill <drill@example.org>' rsa3072 sign never
		gpg --batch --armor --export drill@example.org >"$DEMO/drill.asc"
		gpg --batch --with-colons --list-keys drill@example.org | awk -F: '$1 == "fpr" { print $10; exit }' >"$DEMO/fingerprint"
		for version in 1 2; do
			rpmbuild -bb --quiet --define "_topdir $home/$version" --define "drill_version $version" \
				--define "dbpath $home/rpmdb" --define '__os_install_post %{nil}' "$here/soak/drill.spec"
			mkdir -p "$DEMO/repository-$version"
			mv "$home/$version"/RPMS/noarch/*.rpm "$DEMO/repository-$version"
			rpmsign --define '_gpg_name drill@example.org' --define "_gpg_path $GNUPGHOME" --define '__gpg /usr/bin/gpg' \
				--define "dbpath $home/rpmdb" --addsign "$DEMO/repository-$version"/*.rpm
			createrepo_c --quiet "$DEMO/repository-$version"
		done
	) >"$DEMO/log/packages" 2>&1
}

# scene_bundle_build NAME VERSION: the package, the values and the certificates are VERSION's.
scene_bundle_build() {
	printf '[drill]\nname=drill\nenabled=1\ngpgcheck=1\ngpgkey=file://%s/drill.asc\nbaseurl=file://%s/repository-%d\n' \
		"$DEMO" "$DEMO" "$2" >"$DEMO/manifests/drill.repo"
	sed '/^DRILL_VALUE=/d; /^REDIS_MAXMEMORY_MIB=/d' "$LAB_SECRETS/env" >"$LAB_SECRETS/env.new"
	printf 'DRILL_VALUE=value-%d\nREDIS_MAXMEMORY_MIB=%d\n' "$2" $((100 * $2)) >>"$LAB_SECRETS/env.new"
	chmod 0600 "$LAB_SECRETS/env.new"
	mv "$LAB_SECRETS/env.new" "$LAB_SECRETS/env"
	mkdir "$DEMO/$1"
	demo_bundler build -f build/soak/manifests/soak.yaml --keys build/soak/secrets/keys \
		--passphrases build/soak/secrets/passphrases --cache "$PGHA_CACHE/artifacts" -o "build/soak/$1" >"$DEMO/log/build-$1" 2>&1
	mv "$DEMO/$1"/pgha-*.tar "$DEMO/media/$1.tar"
	mv "$DEMO/$1/pgha-install" "$DEMO/pgha-install"
}

# --- the machine ------------------------------------------------------------------------------------------

SCENE_DISK='' # the size of the next machine's disk, a tmpfs; empty: this machine's

scene_machine() {
	local dir=$LAB_RUN/machines/$NODE upper
	[[ ! -e $dir ]] || machine_remove "$NODE"
	_machine_prepare "$NODE" "$ADDRESS"
	upper=$dir/upper
	if [[ $1 != fresh ]]; then
		rm -rf --one-file-system "$upper"
		cp -a "$LAB_RUN/states/$1" "$upper"
	else
		mkdir -p "$upper/root"
		chmod 0700 "$upper/root"
		cp -a "$DEMO/media" "$upper$SCENE_MEDIA"
	fi
	[[ -z $SCENE_DISK ]] || scene_disk "$dir"
	machine_start "$NODE" "$ADDRESS"
}

# The machine's files on a disk of their own, which can be filled; it goes with the mount.
scene_disk() {
	mkdir "$1/disk"
	_in_keeper mount -t tmpfs -o "size=$SCENE_DISK,mode=0755" disk "$1/disk"
	_in_keeper cp -a "$1/upper" "$1/disk/upper"
	_in_keeper mkdir "$1/disk/work"
	_in_keeper mount -t overlay "lab-$NODE" "$1/root" \
		-o "lowerdir=$LAB_IMAGE,upperdir=$1/disk/upper,workdir=$1/disk/work"
}

scene_keep() {
	machine_stop "$NODE"
	mkdir -p "$LAB_RUN/states"
	cp -a "$LAB_RUN/machines/$NODE/upper" "$LAB_RUN/states/$1"
}

SCENE_BUNDLE=one
scene_bundle() { SCENE_BUNDLE=$1; }

# scene_command VERB [NAME=VALUE…] [-- OPTION…]
scene_command() {
	local verb=$1 settings=()
	shift
	while (($# > 0)) && [[ $1 != -- ]]; do
		settings+=("$1")
		shift
	done
	shift || :
	case $verb in
	install)
		set -- --node "$NODE" --ca "$SCENE_MEDIA/ca.crt" --passphrase-file "$SCENE_MEDIA/passphrase" \
			--bundle "$SCENE_MEDIA/$SCENE_BUNDLE.tar" "$@"
		;;
	*) set -- "$verb" --node "$NODE" "$@" ;;
	esac
	[[ ${#settings[@]} == 0 ]] || settings+=("LD_PRELOAD=$SCENE_MEDIA/point.so")
	machine_exec "$NODE" env "${settings[@]}" "$SCENE_MEDIA/pgha-install" "$@" </dev/null
}

scene_snapshot() { machine_exec "$NODE" sh "$SCENE_MEDIA/snapshot.sh" </dev/null | LC_ALL=C sort; }
