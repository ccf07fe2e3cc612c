#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the programs do with what their caller left them: closed descriptors, a careless umask, signals.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

expect "closed descriptors are no failure" 0 "" bash -c "exec '$bundle' keys init --out '$work/keys' <&- >&- 2>&-"
if grep -rq fingerprint "$work/keys"; then
	not_ok "no message gets into a file that took a closed descriptor's number" "$(grep -r fingerprint "$work/keys")"
else
	ok "no message gets into a file that took a closed descriptor's number"
fi

# A download from a server that never answers holds the program while it is looked at.
cat >"$work/stalled.repo" <<'EOF'
[stalled]
baseurl=http://127.0.0.1:@PORT@/
EOF
cat >"$work/stalled.yaml" <<'EOF'
pgha: 1
platform: {id: "platform:el8", arch: x86_64}
repos: [stalled.repo]
packages: [nothing]
EOF
cat >"$work/watch.py" <<'EOF'
import os, pathlib, signal, socket, subprocess, sys
program, work = sys.argv[1], pathlib.Path(sys.argv[2])
server = socket.create_server(("127.0.0.1", 0))
repo = work / "stalled.repo"
repo.write_text(repo.read_text().replace("@PORT@", str(server.getsockname()[1])))
server.settimeout(30)
user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
os.umask(0)
child = subprocess.Popen(
    [program, "resolve", "-f", work / "stalled.yaml", "-o", work / "out/lock"],
    stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    env={"PGHA_CACHE_DIR": str(work / "out/cache"), "PATH": os.environ["PATH"]}, **user)
try:
    connection = server.accept()[0]
    status = pathlib.Path(f"/proc/{child.pid}/status").read_text()
    print("umask", next(line.split()[1] for line in status.splitlines() if line.startswith("Umask:")))
    limits = pathlib.Path(f"/proc/{child.pid}/limits").read_text()
    print("core", next(line.split()[4] for line in limits.splitlines() if line.startswith("Max core")))
    print("owner", "root" if os.stat(f"/proc/{child.pid}/environ").st_uid == 0 else "the user")
    child.send_signal(signal.SIGINT)
    message = child.communicate(timeout=20)[1].decode().strip()
    print("status", child.returncode, message)
finally:
    child.kill()
EOF
mkdir -m 777 "$work/out"
chmod 755 "$work" && chmod 644 "$work"/stalled.*
ulimit -S -c "$(ulimit -H -c)"
expect "a program that is at work can be looked at" 0 "status" python3 "$work/watch.py" "$bundle" "$work"
# The owner of a process's files in /proc is root when no core may be dumped, whoever runs it (proc(5)).
for line in "umask 0022" "core 1" "owner root"; do
	if [[ $'\n'$out$'\n' == *$'\n'$line$'\n'* ]]; then ok "$line"; else not_ok "$line" "$out" "$err"; fi
done
if [[ $out == *$'\n'"status 7 "*"interrupted by SIGINT: run again to resume" ]]; then
	ok "Ctrl-C ends a download at once"
else
	not_ok "Ctrl-C ends a download at once" "$out" "$err"
fi

finish
