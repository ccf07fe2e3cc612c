/* SPDX-License-Identifier: Apache-2.0 */
/* What the checks share, for installer/preflight*.c alone. */
#ifndef PGHA_PREFLIGHT_PRIVATE_H
#define PGHA_PREFLIGHT_PRIVATE_H

#include "preflight.h"

struct preflight_run;

struct preflight_check {
	const char *name;
	/* Tells what it finds; fails only when it cannot go on (memory, an interruption). */
	int (*run)(struct preflight_run *run, struct err *err);
	bool live; /* about the machine that runs, not about another root */
};

/* What is needed of one file system. */
struct preflight_disk {
	struct preflight_space space;
	char *path; /* the highest directory that is on it, as the node sees it */
	uint64_t need_bytes, need_files;
	uint64_t package_bytes, venv_bytes;
	struct str data;     /* ", 2048 MiB for 'x' in '/y'" … */
	const char *written; /* something of ours that will be written there, borrowed; or NULL */
	const char *run;     /* something of ours that will run from there, borrowed; or NULL */
};

/* What the planned packages bring. */
struct preflight_payload {
	char *glibc;              /* the version, when glibc is among them */
	struct strv found;        /* of the interpreters that are looked for */
	struct strv weak;         /* packages whose header has no SHA-256 */
	struct strv interpreters; /* looked for: absolute paths */
};

struct preflight_run {
	const struct preflight_source *from;
	const struct setup *setup;
	const struct plan *plan; /* or NULL */
	const char *const *ignore;
	const struct preflight_check *check; /* the one that runs */
	struct preflight *result;
	bool live;
	struct preflight_disk *disks;
	size_t disk_count;
	struct preflight_payload payload;
};

int preflight_problem(struct preflight_run *run, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(3, 4) MUST_CHECK;
int preflight_note(struct preflight_run *run, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(3, 4) MUST_CHECK;

/* DIR "/" NAME; *RET stays NULL when it is not there or cannot be read. */
int preflight_read(const char *dir, const char *name, char **ret, struct err *err) MUST_CHECK;
/* PATH (absolute) of the node; in another root nothing on the way may be a symbolic link. */
int preflight_read_node(const struct preflight_run *run, const char *path, char **ret,
			struct err *err) MUST_CHECK;
/* Whether the node has something at PATH. */
bool preflight_node_has(const struct preflight_run *run, const char *path);

/* preflight_rpm.c: reads the planned packages' headers into run->payload and run->disks. */
int preflight_payload_read(struct preflight_run *run, struct err *err) MUST_CHECK;
void preflight_payload_release(struct preflight_payload *payload);

/* preflight_disk.c: the file system that PATH is on or will be, borrowed from RUN until the next call. */
int preflight_disk_of(struct preflight_run *run, const char *path, struct preflight_disk **ret,
		      struct err *err) MUST_CHECK;
void preflight_disks_release(struct preflight_run *run);

/* The checks. */
int preflight_os(struct preflight_run *run, struct err *err);
int preflight_arch(struct preflight_run *run, struct err *err);
int preflight_glibc(struct preflight_run *run, struct err *err);
int preflight_python(struct preflight_run *run, struct err *err);
int preflight_memory(struct preflight_run *run, struct err *err);
int preflight_systemd(struct preflight_run *run, struct err *err);
int preflight_units(struct preflight_run *run, struct err *err);
int preflight_packages(struct preflight_run *run, struct err *err);
int preflight_disk(struct preflight_run *run, struct err *err);
int preflight_mounts(struct preflight_run *run, struct err *err);
int preflight_ports(struct preflight_run *run, struct err *err);
int preflight_time(struct preflight_run *run, struct err *err);
int preflight_certificates(struct preflight_run *run, struct err *err);
int preflight_address(struct preflight_run *run, struct err *err);
int preflight_hostname(struct preflight_run *run, struct err *err);
int preflight_hosts(struct preflight_run *run, struct err *err);
int preflight_selinux(struct preflight_run *run, struct err *err);
int preflight_fips(struct preflight_run *run, struct err *err);
int preflight_fapolicyd(struct preflight_run *run, struct err *err);

#endif
