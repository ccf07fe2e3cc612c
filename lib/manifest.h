/* SPDX-License-Identifier: Apache-2.0 */
/* services/NAME/service.yaml and its templates, as manifests/schema.md describes them. */
#ifndef PGHA_MANIFEST_H
#define PGHA_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "cleanup.h"
#include "err.h"
#include "mustache.h"
#include "schema.h"
#include "str.h"

struct service_user {
	char *name, *group, *home, *shell; /* all but the name may be NULL */
};

struct service_group {
	char *name;
	struct strv members;
};

struct service_directory {
	char *path, *owner, *group;
	mode_t mode;
};

struct service_venv {
	char *path;   /* a symbolic link to a versioned directory beside it; NULL: no venv */
	char *python; /* template of an absolute path */
};

struct service_subject {
	char *o, *ou, *cn; /* templates; NULL when absent */
};

enum service_usage { SERVICE_USAGE_SERVER = 1, SERVICE_USAGE_CLIENT = 2 };

enum service_on_change { SERVICE_NONE, SERVICE_RELOAD, SERVICE_RESTART };

struct service_certificate {
	char *name;
	struct service_subject subject;
	unsigned int usage; /* enum service_usage, or-ed */
	struct strv sans;   /* templates of none, one or more names, beside the node's own */
	char *cert, *key, *ca;
	char *bundle; /* or NULL */
	char *crl;    /* or NULL */
	char *owner, *group;
	mode_t mode; /* of key and bundle; the certificates are 0644 */
	enum service_on_change on_change;
	enum service_on_change on_ca_change; /* the CA's certificate; on_change by default */
};

struct service_file {
	char *template;
	char *dest, *owner, *group;
	mode_t mode;
	const struct mustache_format *format;
	enum service_on_change on_change;
	char *when; /* template, or NULL */
};

enum service_start { SERVICE_START_NO, SERVICE_START_WAIT, SERVICE_START_NO_BLOCK };

struct service_unit {
	char *name;
	bool enable;
	enum service_start start;
};

struct service_setting {
	char *name;
	char *value; /* template */
};

/* What probes and once steps run. */
struct service_command {
	struct strv exec;       /* templates; the first is an absolute path */
	char *user;             /* or NULL: root */
	struct schema_list env; /* struct service_setting */
	char *stdin_text;       /* template, or NULL */
};

enum service_scope {
	SERVICE_SCOPE_NODE,
	SERVICE_SCOPE_CLUSTER,
	SERVICE_SCOPE_STEP, /* asked by the steps that wait for it, and by nothing else */
};

struct service_probe {
	char *name;
	enum service_scope scope;
	struct service_command command;
	unsigned int timeout_s, within_s;
	char *expect; /* template, or NULL */
};

struct service_once {
	char *name;
	char *when_name;
	const struct service_probe *when; /* borrowed from the service; or NULL */
	struct strv unless;               /* templates; may be empty */
	char *expect;                     /* template: what `unless` must say; or NULL */
	struct service_command command;
	/* It changes a secret that the cluster holds (struct service_held), and runs only where that
	 * has changed. */
	bool on_change;
};

/* What lets one node at a time go on, cluster-wide: a command that says EXPECT once it holds the lock, and
 * holds it until it is ended. */
struct service_lock {
	struct service_command command; /* exec is empty: none */
	char *when;   /* template: taken when it renders to "true"; NULL: always */
	char *expect; /* template */
	unsigned int within_s;
};

/* How running units are restarted. */
struct service_restart {
	struct service_lock lock;
	struct strv before, after; /* names of probes: service_probe_named() */
	char *due;                 /* the name of a probe, or NULL */
	enum service_on_change on_update;
};

/* What a variable is for, one line each; both NULL where nothing is said. */
struct service_help {
	char *fr, *en;
};

/* The running cluster holds this secret, as the password of an account for instance: new files alone
 * do not change it. Either the step that changes it there, or how to do it by hand. */
struct service_held {
	char *change;                    /* the step's name, or NULL */
	const struct service_once *step; /* borrowed from the service; NULL without CHANGE */
	struct service_help by_hand;     /* its texts are NULL with CHANGE */
};

/* Of a package: once it was upgraded that far, rollback refuses, because the data does not go back. */
struct service_no_downgrade {
	char *package;
	unsigned int level; /* how many numbers of the version count; 0: version and release */
	struct service_help reason;
};

struct service_variable {
	char *name;
	bool secret;
	char *fallback; /* the default, or NULL: it must be set */
	struct service_held held;
	struct service_help help;
};

struct service_port {
	char *env;
	unsigned int fallback; /* 0: it must be set */
	bool per_node;
	char *when; /* template: listened on when it renders to "true"; NULL: always */
	struct service_help help;
};

struct service_disk {
	char *path;
	unsigned int mib;
};

struct service_preflight {
	unsigned int memory_mib;
	struct schema_list disks; /* struct service_disk */
	struct strv conflicts;    /* names of packages that may not be installed */
};

struct service_selinux_port {
	char *env;  /* one of the service's ports */
	char *type; /* "postgresql_port_t" */
};

struct service_selinux {
	struct strv booleans;
	struct schema_list ports; /* struct service_selinux_port */
};

struct service_template {
	char *name; /* file name below templates/ */
	char *text;
};

/* Lists of structures are struct schema_list; SERVICE_EACH() walks one. */
struct service {
	char *name;
	char *layer;
	struct strv packages; /* templates that see `platform` alone: context_packages() */
	struct schema_list users, groups, directories;
	struct service_venv venv;
	struct schema_list certificates, files, units, probes, once;
	struct service_restart restart;
	struct schema_list command_env; /* struct service_setting, for every command */
	struct schema_list variables;   /* key `env` */
	struct schema_list ports;
	struct service_preflight preflight;
	struct service_selinux selinux;
	struct schema_list sysctl;       /* struct service_setting; values, no templates */
	struct schema_list no_downgrade; /* struct service_no_downgrade */
	struct schema_list templates;    /* every file below templates/, sorted by name */
	char *file;                      /* service.yaml's path, for messages */
};

#define SERVICE_EACH(type, var, list)                                                      \
	for (const type *var = (list).items, *var##_end_ = var ? var + (list).count : var; \
	     var != var##_end_; var++)

/* The services of a bundle, in the order asked for. */
struct manifest {
	struct service **services;
	size_t count;
};

/*
 * Loads DIR/NAME/service.yaml and DIR/NAME/templates/ for each of NAMES, and checks all that can be
 * checked before a node is known. Everything wrong is ERR_CONFIG with "file:line:column: …".
 */
int manifest_load(const char *dir, const struct strv *names, struct manifest **ret,
		  struct err *err) MUST_CHECK;
void manifest_free(struct manifest *manifest);
DEFINE_CLEANUP(struct manifest *, manifest_free);

/* Borrowed, or NULL. */
const struct service *manifest_find(const struct manifest *manifest, const char *name);
/* Borrowed, or NULL. */
const struct service_probe *service_probe_named(const struct service *service, const char *name);
/* True when a restart of the service's units waits for a lock or a probe. */
bool service_is_guarded(const struct service *service);
/* True when the service declares NAME as a secret. */
bool service_has_secret(const struct service *service, const char *name);
/* True when the running cluster holds VARIABLE. */
bool service_is_held(const struct service_variable *variable);
/* A template's text, borrowed, or NULL: fits struct mustache_options, with the service as context.
 */
const char *service_template(const void *service, const char *name);

#endif
