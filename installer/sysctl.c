/* SPDX-License-Identifier: Apache-2.0 */
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"
#include "record.h"

#define KERNEL "/proc/sys"
#define VALUE_MAX 4096 /* bytes */

const char *sysctl_kernel = KERNEL;

static bool concerns(const struct install *in)
{
	return install_is_live(in) || strcmp(sysctl_kernel, KERNEL) != 0;
}

/* sysctl.d(5): the first separator says which one separates, and the other stands for itself. */
static int path_of(const char *name, char **ret, struct err *err)
{
	int r = str_printf(ret, err, "%s/%s", sysctl_kernel, name);
	char *p = r ? NULL : *ret + strlen(sysctl_kernel) + 1;
	bool dots = p && p[strcspn(p, "./")] == '.';

	for (; dots && *p; p++)
		*p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
	return r;
}

/* Words with one blank between, as the kernel's tabs and ours compare. */
static int normalize(const char *text, char **ret, struct err *err)
{
	CLEANUP(str_release) struct str out = STR_INIT;
	int r = 0;

	str_add(&out, "");
	for (const char *p = text; *p;) {
		size_t gap = strspn(p, " \t\n");
		size_t len = strcspn(p + gap, " \t\n");

		if (len && out.len)
			str_addc(&out, ' ');
		str_add_len(&out, p + gap, len);
		p += gap + len;
	}
	r = str_check(&out, err);
	return r ? r : str_done(&out, ret, err);
}

static int read_value(const char *name, char **ret, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;
	int r = path_of(name, &path, err);

	if (r)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, ERR_HOST, errno, "this kernel has no setting '%.200s'", name);
	str_add(&text, "");
	r = fd_read_all(fd, path, VALUE_MAX, &text, err);
	return r ? r : normalize(text.buf, ret, err);
}

static int write_value(const char *name, const char *value, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;
	int r = path_of(name, &path, err);

	if (r)
		return r;
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) != (ssize_t)strlen(value))
		return err_errno(err, ERR_HOST, errno, "cannot set '%.200s' to '%.100s'", name,
				 value);
	return 0;
}

static int apply_one(struct setup *setup, const struct service_setting *setting, bool apply,
		     struct strv *changes, struct err *err)
{
	cleanup_free char *is = NULL;
	cleanup_free char *wanted = NULL;
	int r = read_value(setting->name, &is, err);

	if (!r)
		r = normalize(setting->value, &wanted, err);
	if (r || !strcmp(is, wanted))
		return r;
	r = strv_addf(changes, err, "set %s to %s (from %s)", setting->name, wanted, is);
	if (!r && apply)
		r = record_add(setup->in->record, RECORD_SYSCTL, setting->name, is, wanted, err);
	return r || !apply ? r : write_value(setting->name, wanted, err);
}

int sysctl_apply(struct setup *setup, bool apply, struct strv *changes, struct err *err)
{
	int r = 0;

	for (size_t i = 0; !r && concerns(setup->in) && i < setup->count; i++) {
		const struct service *service = setup->services[i].service;

		SERVICE_EACH(struct service_setting, setting, service->sysctl)
		if (!r) {
			r = apply_one(setup, setting, apply, changes, err);
			if (r)
				err_prefix(err, "service '%s'", service->name);
		}
	}
	return r;
}

int sysctl_take_back(const struct install *in, const char *name, const char *was, const char *now,
		     bool apply, struct strv *changes, struct err *err)
{
	cleanup_free char *is = NULL;
	struct err gone = ERR_INIT;
	int r = 0;

	if (!concerns(in) || read_value(name, &is, &gone) || strcmp(is, now) != 0 ||
	    !strcmp(is, was))
		return 0;
	r = strv_addf(changes, err, "set %s to %s (from %s)", name, was, is);
	return r || !apply ? r : write_value(name, was, err);
}

int sysctl_declares(const struct setup *setup, enum record_kind kind, const char *name, bool *ret,
		    struct err *err)
{
	(void)kind;
	(void)err;
	*ret = false;
	for (size_t i = 0; i < setup->count; i++)
		SERVICE_EACH(struct service_setting, setting, setup->services[i].service->sysctl)
	*ret |= !strcmp(setting->name, name);
	return 0;
}

int sysctl_text(const struct service *service, struct str *ret, struct err *err)
{
	str_addf(ret, "# %s\n", service->name);
	SERVICE_EACH(struct service_setting, setting, service->sysctl)
	str_addf(ret, "%s = %s\n", setting->name, setting->value);
	return str_check(ret, err);
}
