#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# pgha-bundle secrets: a .env made from the manifests, judged and renewed, and no password in sight.
# shellcheck source=lib.sh
source "$(dirname "$0")/lib.sh"

cd "$root" || exit 1
# --- the example ---------------------------------------------------------------------------------------------
capture "$bundle" secrets example -f manifests/rhel8.yaml
if ((status == 0)) && diff -u manifests/.env.example "$work/.out" >"$work/diff"; then
	ok "manifests/.env.example is what the manifests say"
else
	not_ok "manifests/.env.example is what the manifests say" "$err" "$(head -n 20 "$work/diff")" \
		"run: pgha-bundle secrets example -f manifests/rhel8.yaml >manifests/.env.example"
fi
d=$work/manifests
cp -R manifests "$d"
python3 - "$d" <<'PY' || not_ok "the copy could be changed"
import pathlib, sys
path = pathlib.Path(sys.argv[1], "services/haproxy/service.yaml")
text = path.read_text("utf-8")
assert text.count("Port of the statistics page, over HTTPS.") == 1
path.write_text(text.replace("Port of the statistics page, over HTTPS.", "Another sentence."), "utf-8")
PY
expect "a changed description changes it" 0 "# Another sentence." "$bundle" secrets example -f "$d/rhel8.yaml"
expect "lint tells that the committed one lags behind" 0 ".env.example' is not what the manifests say" "$bundle" lint "$d"
sed -i 's/^env:$/env:\n  - {name: UNSAID_ONE, default: 1}\n  - {name: UNSAID_TWO, secret: true}/' "$d/services/etcd/service.yaml"
expect "what nobody describes is named" 3 "etcd/service.yaml: variable 'UNSAID_ONE' has no description" "$bundle" secrets example -f "$d/rhel8.yaml"
if [[ $err == *"'UNSAID_TWO'"* ]]; then ok "all of it"; else not_ok "all of it" "$err"; fi
rm -rf "$d"
cp -R manifests "$d"
sed -i "0,/      fr: .*/s//      fr: \"one\\\\nEVIL=1\"/" "$d/services/etcd/service.yaml"
line=$(grep -n EVIL "$d/services/etcd/service.yaml" | cut -d: -f1)
expect "a description is one line" 3 "etcd/service.yaml:$line:11: this must be one line of text" "$bundle" secrets example -f "$d/rhel8.yaml"

# --- init ----------------------------------------------------------------------------------------------------
rm -rf "$d"
cp -R manifests "$d"
(umask 022 && exec "$bundle" secrets init -f "$d/rhel8.yaml") >"$work/init.out" 2>"$work/init.err"
if [[ -f $d/.env && $(stat -c %a "$d/.env") == 600 ]]; then ok "init writes a .env of mode 0600"; else not_ok "init writes a .env of mode 0600" "$(<"$work/init.err")"; fi
if diff <(sed 's/_PASSWORD=.*/_PASSWORD=/' "$d/.env") manifests/.env.example >"$work/diff"; then
	ok "it is the example and passwords"
else
	not_ok "it is the example and passwords" "$(<"$work/diff")"
fi
mapfile -t passwords < <(sed -n 's/^[A-Z_]*_PASSWORD=//p' "$d/.env")
count=$(grep -c '_PASSWORD=$' manifests/.env.example)
strong=$(printf '%s\n' "${passwords[@]}" | grep -cE '^[A-Za-z][A-Za-z0-9]{31}$')
different=$(printf '%s\n' "${passwords[@]}" | sort -u | wc -l)
if ((count >= 9 && ${#passwords[@]} == count && strong == count && different == count)); then
	ok "each password is there, strong and different ($count)"
else
	not_ok "each password is there, strong and different" "$count ${#passwords[@]} $strong $different"
fi
shown=0
for password in "${passwords[@]}"; do grep -qF "$password" "$work/init.out" "$work/init.err" && shown=1; done
if ((shown == 0)); then ok "none is shown"; else not_ok "none is shown"; fi
before=$(sha256sum "$d/.env")
expect "a .env that is there is never overwritten" 1 ".env' exists: nothing was touched" "$bundle" secrets init -f "$d/rhel8.yaml"
if [[ $(sha256sum "$d/.env") == "$before" ]]; then ok "and stays as it was"; else not_ok "and stays as it was"; fi
expect "another file's name can be given" 0 "other.env: $count random passwords" "$bundle" secrets init -f "$d/rhel8.yaml" -o "$work/other.env"
if [[ -z $(comm -12 <(sed -n 's/.*_PASSWORD=//p' "$d/.env" | sort) <(sed -n 's/.*_PASSWORD=//p' "$work/other.env" | sort)) ]]; then
	ok "a second one has other passwords"
else
	not_ok "a second one has other passwords"
fi
expect "lint is content with it" 0 "nothing wrong" "$bundle" lint "$d"

# --- check ---------------------------------------------------------------------------------------------------
expect "check is content with it too" 0 "nothing wrong" "$bundle" secrets check -f "$d/rhel8.yaml"
cp "$d/.env" "$work/right.env"
# wrong NAME SED TEXT: after this change of .env, check and lint end with 3 and say TEXT, and neither shows a value
wrong() {
	local program seen
	cp "$work/right.env" "$d/.env"
	sed -i "$2" "$d/.env"
	cmp -s "$work/right.env" "$d/.env" && not_ok "$1" "'$2' changes nothing"
	for program in "secrets check -f $d/rhel8.yaml" "lint $d"; do
		# shellcheck disable=SC2086 # words
		expect "$1 (${program%% *})" 3 "$3" "$bundle" $program
		seen=$(sed -n 's/^[A-Z_]*_PASSWORD=\(..*\)/\1/p' "$d/.env" | grep -vx postgres | grep -cFf - "$work/.out" "$work/.err" | grep -cv ':0$')
		((seen == 0)) || not_ok "$1: no value is shown" "$out$err"
	done
}
wrong "a missing password" '/^REWIND_PASSWORD/d' "$d/.env: variable 'REWIND_PASSWORD' is not set: service 'patroni' needs it"
wrong "an empty one" 's/^REWIND_PASSWORD=.*/REWIND_PASSWORD=/' "variable 'REWIND_PASSWORD' is empty"
wrong "a short one" 's/^REWIND_PASSWORD=.*/REWIND_PASSWORD=x7Kq-pR2v_9/' "'REWIND_PASSWORD' is too short"
wrong "one that is tried first" 's/^REWIND_PASSWORD=.*/REWIND_PASSWORD=Postgres_Ch4ngeme!/' "'REWIND_PASSWORD' is too weak"
wrong "its variable's name" 's/^REWIND_PASSWORD=.*/REWIND_PASSWORD=rewind_password/' "'REWIND_PASSWORD' is too weak"
wrong "an account's name" 's/^\(POSTGRES_USER\|POSTGRES_PASSWORD\)=.*/\1=accounting-dpt/' "'POSTGRES_PASSWORD' is too weak"
wrong "few different characters" 's/^REWIND_PASSWORD=.*/REWIND_PASSWORD=zazazazazazazazazaza/' "'REWIND_PASSWORD' is too weak"
wrong "one for two purposes" 's/^\(REWIND\|REPLICATOR\)_PASSWORD=.*/\1_PASSWORD=x7Kq-pR2v_9Xc/' \
	"variables 'REPLICATOR_PASSWORD' and 'REWIND_PASSWORD' have the same value"
wrong "an unknown name" 's/^PATRONI_TTL=/PATRONI_TLT=/' "no service reads 'PATRONI_TLT' (did you mean 'PATRONI_TTL'?)"
wrong "a machine that is not there" 's/^EXT_PG_PORT_NODE3=/EXT_PG_PORT_NODE4=/' "no service reads 'EXT_PG_PORT_NODE4'"
wrong "a port that is none" 's/^EXT_PG_PORT_NODE3=.*/EXT_PG_PORT_NODE3=65536/' "'EXT_PG_PORT_NODE3' is no port"
wrong "all at once" 's/^REWIND_PASSWORD=.*/REWIND_PASSWORD=x7Kq/;/^REPLICATOR_PASSWORD/d;s/^SCOPE=/SCOPES=/' "'REWIND_PASSWORD' is too short"
capture "$bundle" secrets check -f "$d/rhel8.yaml"
if [[ $out == *"'REPLICATOR_PASSWORD' is not set"* && $out == *"'SCOPES'"* && $err == *"3 problems in '$d/.env'"* ]]; then
	ok "each of them is told"
else
	not_ok "each of them is told" "$out" "$err"
fi
cp "$work/right.env" "$d/.env"
sed -i 's/^services: .*/services: [etcd, patroni]/' "$d/rhel8.yaml"
cp "$d/topology.yaml" "$work/"
sed -i '/services: \[\(haproxy\|pgbouncer\)\]/d' "$d/topology.yaml"
sed -i 's/^POSTGRES_DB=.*/&\nHAPROXY_MAXCON=7/' "$d/.env"
capture "$bundle" secrets check -f "$d/rhel8.yaml"
if ((status == 3)) && [[ $out == *"no service reads 'HAPROXY_MAXCON'"* && $out != *"'HAPROXY_MAXCONN'"* && $out != *PGBOUNCER_POOL* ]]; then
	ok "what a service beside the definition reads may be there"
else
	not_ok "what a service beside the definition reads may be there" "$out" "$err"
fi
cp "$work/topology.yaml" "$d/"
cp manifests/rhel8.yaml "$d/"
cp "$work/right.env" "$d/.env"
chmod 644 "$d/.env"
expect "a .env that others may read is refused" 3 "chmod 600" "$bundle" secrets check -f "$d/rhel8.yaml"
chmod 600 "$d/.env"

# --- rotate --------------------------------------------------------------------------------------------------
mkdir "$work/vault"
sed 's/^REWIND_PASSWORD=.*/& # mine/;s/^SCOPE=.*/SCOPE="a b" # name/' "$d/.env" >"$work/vault/env"
chmod 600 "$work/vault/env"
ln -sf ../vault/env "$d/.env"
cp "$work/vault/env" "$work/before.env"
expect "rotate tells who holds the password" 0 "REWIND_PASSWORD: patroni@node1 patroni@node2 patroni@node3" \
	"$bundle" secrets rotate -f "$d/rhel8.yaml" REWIND_PASSWORD PGBOUNCER_PASSWORD
if [[ $out == *"PGBOUNCER_PASSWORD: patroni@node1 patroni@node2 patroni@node3 pgbouncer@pgbouncer"* ]]; then ok "of each"; else not_ok "of each" "$out"; fi
if [[ $err == *"REWIND_PASSWORD: the running cluster holds it, and gets it when the nodes of service 'patroni' are installed"* ]]; then
	ok "and how the cluster gets it"
else
	not_ok "and how the cluster gets it" "$err"
fi
diff "$work/before.env" "$d/.env" | sed -n 's/^> //p' >"$work/changed"
if [[ $(wc -l <"$work/changed") == 2 ]] && grep -qxE 'REWIND_PASSWORD=[A-Za-z0-9]{32} # mine' "$work/changed" &&
	grep -qxE 'PGBOUNCER_PASSWORD=[A-Za-z0-9]{32}' "$work/changed"; then
	ok "these lines change and no other, comments stay"
else
	not_ok "these lines change and no other, comments stay" "$(cut -d = -f 1 "$work/changed")"
fi
if [[ -L $d/.env && $(stat -c %a "$work/vault/env") == 600 ]]; then ok "a link stays one"; else not_ok "a link stays one"; fi
kept=$work/vault/env.previous-1
if cmp -s "$kept" "$work/before.env" && [[ $(stat -c %a "$kept") == 600 && $err == *"$kept"* ]]; then
	ok "the file as it was is kept"
else
	not_ok "the file as it was is kept" "$err"
fi
if grep -qFf <(sed -n 's/^[A-Z_]*_PASSWORD=\([^ ]*\).*/\1/p' "$work/before.env" "$d/.env") "$work/.out" "$work/.err"; then
	not_ok "no password is shown" "$out" "$err"
else
	ok "no password is shown"
fi
sed -i '/^REWIND_PASSWORD/d' "$work/vault/env"
expect "one that is not there yet is added" 0 "previous-2" "$bundle" secrets rotate -f "$d/rhel8.yaml" REWIND_PASSWORD
if [[ $(tail -n 1 "$d/.env") =~ ^REWIND_PASSWORD=.{32}$ ]] && cmp -s "$kept" "$work/before.env"; then ok "at the end"; else not_ok "at the end"; fi
expect "and check is content" 0 "nothing wrong" "$bundle" secrets check -f "$d/rhel8.yaml"
expect "what no step changes is told with what to do" 0 "by hand: on one etcd node, as root: " "$bundle" secrets rotate -f "$d/rhel8.yaml" ETCD_ROOT_PASSWORD
before=$(sha256sum "$d/.env")
expect "a slip is refused" 2 "'REWIND_PASWORD' is no password of this definition's services (did you mean 'REWIND_PASSWORD'?)" \
	"$bundle" secrets rotate -f "$d/rhel8.yaml" REPLICATOR_PASSWORD REWIND_PASWORD
expect "what is no secret too" 2 "'SCOPE' is no password" "$bundle" secrets rotate -f "$d/rhel8.yaml" SCOPE
expect "nothing named is a mistake" 2 "" "$bundle" secrets rotate -f "$d/rhel8.yaml"
if [[ $(sha256sum "$d/.env") == "$before" && ! -e $work/vault/env.previous-4 ]]; then ok "and changes nothing"; else not_ok "and changes nothing"; fi

sed -i '/^env:/d' "$d/rhel8.yaml"
expect "a definition without .env must be told where" 3 "'env'" "$bundle" secrets init -f "$d/rhel8.yaml"
finish
