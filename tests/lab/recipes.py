# SPDX-License-Identifier: Apache-2.0
"""Which Debian packages become which RPMs, and what is changed on the way: names, places and accounts as in the
field, from RHEL 8 and PGDG. Data for rpms.py; a package without a recipe becomes an RPM of its own name."""

import dataclasses
import typing


@dataclasses.dataclass
class User:
    """A system account that %pre makes, when it is absent."""
    name: str
    home: str
    comment: str
    shell: str = "/sbin/nologin"

    def script(self):
        return [f"getent group {self.name} >/dev/null || groupadd -r {self.name}",
                f"getent passwd {self.name} >/dev/null || useradd -r -g {self.name} -M -d {self.home} "
                f"-s {self.shell} -c '{self.comment}' {self.name}"]


@dataclasses.dataclass
class Recipe:
    """Globs are matched against paths relative to the root."""
    debs: list                                                  # merged into one RPM; the first gives the version
    repository: str = "baseos"
    license: str = ""                                           # instead of what the copyright file says
    depends: bool = True                                        # whether Debian's Depends become Requires
    requires: list = dataclasses.field(default_factory=list)    # {evr}: the package's own
    provides: list = dataclasses.field(default_factory=list)
    users: typing.List[User] = dataclasses.field(default_factory=list)
    sections: dict = dataclasses.field(default_factory=dict)    # section head of the spec file: body
    keep: list = dataclasses.field(default_factory=lambda: ["*"])   # globs; all else is left out
    remove: list = dataclasses.field(default_factory=list)      # globs
    moves: list = dataclasses.field(default_factory=list)       # (from, to), in order
    links: dict = dataclasses.field(default_factory=dict)       # path: target
    edits: dict = dataclasses.field(default_factory=dict)       # path: [(old, new)]
    files: dict = dataclasses.field(default_factory=dict)       # path: content
    attributes: dict = dataclasses.field(default_factory=dict)  # path: (mode, owner, group); a new directory, too
    generated: list = dataclasses.field(default_factory=list)   # globs of an installed root that no package lists


# Never needed: what Debian's packages use to configure themselves, and the just-in-time compiler, which PGDG
# ships apart.
SKIP = {"adduser", "debconf", "debconf-2.0", "init-system-helpers", "libllvm19", "locales", "lsb-base", "media-types",
        "postgresql-client-common", "postgresql-common", "sensible-utils", "ssl-cert", "ucf"}

# Left out of every package.
REMOVE = ["usr/share/doc/*/[!c]*", "usr/share/doc/*/changelog*", "usr/share/man/*", "usr/share/locale/*",
          "usr/share/info/*", "usr/share/lintian/*", "usr/share/bug/*", "usr/share/doc-base/*", "etc/init.d/*",
          "usr/share/postgresql-common/*", "usr/share/applications/*", "usr/share/pixmaps/*"]

VENDORS = {"baseos": "Lab OS", "appstream": "Lab OS",
           "pgdg17": "Lab PGDG", "pgdg-common": "Lab PGDG", "pgdg-rhel8-extras": "Lab PGDG"}

# Other names, RHEL's.
NAMES = {
    "iproute2": "iproute", "libacl1": "libacl", "libarchive13t64": "libarchive", "libbz2-1.0": "bzip2-libs",
    "libc-bin": "glibc-common", "libgcc-s1": "libgcc", "libpam0g": "pam-libs", "libselinux1": "libselinux",
    "libsqlite3-0": "sqlite-libs", "libssl3t64": "openssl-libs", "libstdc++6": "libstdc++", "libsystemd0": "systemd-libs",
    "libxml2": "libxml2", "libyaml-0-2": "libyaml", "libzstd1": "libzstd", "passwd": "shadow-utils", "procps": "procps-ng",
    "librpm10": "rpm-libs", "libsolv1": "libsolv", "zlib1g": "zlib", "libicu76": "libicu", "libldap2": "openldap",
    "libcares2": "c-ares", "libevent-2.1-7t64": "libevent", "libxslt1.1": "libxslt",
}

PG = "usr/pgsql-17"
PG_CONTRIB_PROGRAMS = [f"{PG}/bin/oid2name", f"{PG}/bin/vacuumlo"]
PG_CORE = [f"{PG}/lib/{name}.so" for name in ("plpgsql", "libpqwalreceiver", "pgoutput", "dict_snowball", "*_and_*",
                                              "euc2004_sjis2004")] + [f"{PG}/share/extension/plpgsql*"]
PG_CONTRIB = [f"{PG}/lib/*.so", f"{PG}/share/extension/*", f"{PG}/share/contrib/*", f"{PG}/share/tsearch_data/unaccent*",
              f"{PG}/share/tsearch_data/xsyn*"]
# Debian compiles other places in: they lead here.
PG_MOVES = [("usr/lib/postgresql/17", PG), ("usr/share/postgresql/17", f"{PG}/share")]
PG_REMOVE = ["usr/lib/postgresql", "usr/share/postgresql", f"{PG}/lib/pgxs", f"{PG}/lib/bitcode", f"{PG}/lib/llvmjit*"]

PG_UNIT = """[Unit]
Description=PostgreSQL 17 database server
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
User=postgres
Group=postgres
Environment=PGDATA=/var/lib/pgsql/17/data/
OOMScoreAdjust=-1000
ExecStart=/usr/pgsql-17/bin/postgres -D ${PGDATA}
ExecReload=/bin/kill -HUP $MAINPID
KillMode=mixed
KillSignal=SIGINT
TimeoutSec=0

[Install]
WantedBy=multi-user.target
"""

RECIPES = {
    # --- the base system -------------------------------------------------------------------------------------
    "filesystem": Recipe(["base-files"]),
    "setup": Recipe(["base-passwd"], generated=["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow"]),
    "glibc": Recipe(["libc6"], requires=["filesystem"], provides=["rtld(GNU_HASH)"], sections={
        "%transfiletriggerin -P 2000000 -- /lib /usr/lib": "/sbin/ldconfig",
        "%transfiletriggerpostun -P 2000000 -- /lib /usr/lib": "/sbin/ldconfig"}),
    "dash": Recipe(["dash"], provides=["/bin/sh"]),
    "bash": Recipe(["bash"], provides=["/bin/bash"]),
    "mawk": Recipe(["mawk"], generated=["usr/bin/awk", "etc/alternatives/awk"]),
    "ca-certificates": Recipe(["ca-certificates"], generated=["etc/ca-certificates.conf", "etc/ssl/certs/*"]),
    "systemd": Recipe(["systemd"], sections={
        "%transfiletriggerin -P 1000900 -- /usr/lib/systemd/system /etc/systemd/system":
            "if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi",
        "%transfiletriggerin -P 1000700 -- /usr/lib/tmpfiles.d":
            "if [ -d /run/systemd/system ]; then sed -n 's,^.*/tmpfiles.d/,,p' | xargs -r systemd-tmpfiles --create; fi"}),
    # --- AppStream -------------------------------------------------------------------------------------------
    "python3.13": Recipe(["python3.13", "python3.13-minimal", "python3.13-venv"], repository="appstream",
                         license="Python-2.0.1", provides=["python(abi) = 3.13"]),
    "python3.13-libs": Recipe(["libpython3.13-stdlib", "libpython3.13-minimal"], repository="appstream",
                              license="Python-2.0.1"),
    "python3.13-pip-wheel": Recipe(["python3-pip-whl"], repository="appstream", license="MIT"),
    "python3.13-setuptools-wheel": Recipe(["python3-setuptools-whl"], repository="appstream", license="MIT"),
    # Debian's pip belongs to whichever python3 there is; here it is this Python's.
    "python3.13-pip": Recipe(["python3-pip"], repository="appstream", license="MIT", depends=False,
                             requires=["python3.13", "ca-certificates"], remove=["usr/bin/pip"],
                             moves=[("usr/bin/pip3", "usr/bin/pip3.13")],
                             edits={"usr/bin/pip3.13": [("#! /usr/bin/python3\n", "#!/usr/bin/python3.13\n")]}),
    "keepalived": Recipe(["keepalived"], repository="appstream", license="GPL-2.0-or-later"),
    # The example of a service of one's own (tests/lab/example).
    "redis": Recipe(
        ["redis-server", "redis-tools"], repository="appstream", license="AGPL-3.0-only",
        users=[User("redis", "/var/lib/redis", "Redis Database Server")],
        moves=[("usr/lib/systemd/system/redis-server.service", "usr/lib/systemd/system/redis.service")],
        remove=["etc/default", "usr/lib/systemd/system/redis-server@.service"],
        edits={"usr/lib/systemd/system/redis.service": [("Alias=redis.service\n", "")]},
        attributes={"/etc/redis": ("0750", "redis", "root"), "/etc/redis/redis.conf": ("0640", "redis", "root"),
                    "/var/lib/redis": ("0750", "redis", "redis"), "/var/log/redis": ("0750", "redis", "redis")}),
    # --- PGDG ------------------------------------------------------------------------------------------------
    "postgresql17-libs": Recipe(["libpq5"], repository="pgdg17", license="PostgreSQL"),
    "postgresql17": Recipe(
        ["postgresql-client-17"], repository="pgdg17", license="PostgreSQL", moves=PG_MOVES, remove=PG_REMOVE,
        requires=["postgresql17-libs = {evr}"], provides=["postgresql = {version}"],
        links={"usr/lib/postgresql/17": "../../pgsql-17", "usr/share/postgresql/17": "../../pgsql-17/share",
               **{f"usr/bin/{name}": f"../pgsql-17/bin/{name}" for name in
                  ("psql", "pg_basebackup", "pg_dump", "pg_dumpall", "pg_isready", "pg_restore")}}),
    "postgresql17-server": Recipe(
        ["postgresql-17"], repository="pgdg17", license="PostgreSQL", moves=PG_MOVES,
        remove=PG_REMOVE + PG_CONTRIB_PROGRAMS, requires=["postgresql17 = {evr}", "postgresql17-libs = {evr}"],
        provides=["postgresql-server = {version}"],
        users=[User("postgres", "/var/lib/pgsql", "PostgreSQL Server", "/bin/bash")],
        attributes={"/var/lib/pgsql": ("0700", "postgres", "postgres"), "/var/lib/pgsql/17": ("0700", "postgres", "postgres"),
                    "/var/lib/pgsql/17/data": ("0700", "postgres", "postgres"),
                    "/var/lib/pgsql/17/backups": ("0700", "postgres", "postgres")},
        files={"usr/lib/systemd/system/postgresql-17.service": PG_UNIT,
               "usr/lib/tmpfiles.d/postgresql-17.conf": "d /run/postgresql 0755 postgres postgres -\n"}),
    "postgresql17-contrib": Recipe(
        ["postgresql-17"], repository="pgdg17", license="PostgreSQL", depends=False, moves=PG_MOVES, remove=PG_REMOVE,
        keep=PG_CONTRIB_PROGRAMS + PG_CONTRIB, requires=["postgresql17-server = {evr}"]),
    "pgbouncer": Recipe(
        ["pgbouncer"], repository="pgdg-common", license="ISC",
        users=[User("pgbouncer", "/var/run/pgbouncer", "PgBouncer Server", "/sbin/nologin")],
        moves=[("usr/sbin/pgbouncer", "usr/bin/pgbouncer")],
        remove=["usr/share/pgbouncer", "usr/lib/systemd/system/pgbouncer.socket", "etc/default"],
        edits={"usr/lib/systemd/system/pgbouncer.service": [("User=postgres\n", "User=pgbouncer\nGroup=pgbouncer\n"),
                                                            ("/usr/sbin/pgbouncer", "/usr/bin/pgbouncer")]},
        files={"usr/lib/tmpfiles.d/pgbouncer.conf": "d /run/pgbouncer 0755 pgbouncer pgbouncer -\n"},
        attributes={"/etc/pgbouncer/pgbouncer.ini": ("0600", "pgbouncer", "pgbouncer"),
                    "/etc/pgbouncer/userlist.txt": ("0600", "pgbouncer", "pgbouncer"),
                    "/var/log/pgbouncer": ("0700", "pgbouncer", "pgbouncer")}),
    "etcd": Recipe(
        ["etcd-server", "etcd-client"], repository="pgdg-rhel8-extras", license="Apache-2.0",
        users=[User("etcd", "/var/lib/etcd", "etcd user")],
        attributes={"/etc/etcd": ("0750", "root", "root"), "/var/lib/etcd": ("0700", "etcd", "etcd")}),
    "haproxy": Recipe(
        ["haproxy"], repository="pgdg-rhel8-extras", license="GPL-2.0-or-later",
        users=[User("haproxy", "/var/lib/haproxy", "HAProxy")], remove=["etc/rsyslog.d"],
        attributes={"/var/lib/haproxy": ("0755", "root", "root")}),
}
