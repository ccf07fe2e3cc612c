/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "file.h"
#include "repofile.h"

#define VARIABLE_FILE_MAX 4096U /* bytes of a file in vars/ */

const char *repofile_basearch(const char *arch)
{
	static const struct {
		const char *arch;
		const char *basearch;
	} table[] = {
		{ "x86_64", "x86_64" },  { "aarch64", "aarch64" }, { "ppc64le", "ppc64le" },
		{ "s390x", "s390x" },    { "riscv64", "riscv64" }, { "i686", "i386" },
		{ "armv7hl", "armhfp" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (!strcmp(table[i].arch, arch))
			return table[i].basearch;
	return NULL;
}

const char *repofile_releasever(const char *platform_id)
{
	const char *p = platform_id + strlen(platform_id);

	while (p > platform_id && (isdigit((unsigned char)p[-1]) || p[-1] == '.'))
		p--;
	return *p ? p : NULL;
}

/* --- where values come from --------------------------------------------------------------------- */

/* What lies before the first point of $releasever, or behind it. */
static int part_of_releasever(const char *releasever, bool major, char **ret, struct err *err)
{
	size_t len = strcspn(releasever, ".");

	if (!major)
		return str_dup(ret, releasever[len] ? releasever + len + 1 : "", err);
	*ret = strndup(releasever, len);
	return *ret ? 0 : err_nomem(err);
}

/* The first line of vars/NAME beside the .repo file; *ret stays NULL when there is no such file. */
static int from_file(const char *file, const char *name, char **ret, struct err *err)
{
	cleanup_free char *relative = NULL;
	cleanup_free char *path = NULL;
	int r = str_printf(&relative, err, "vars/%s", name);

	if (r == 0)
		r = path_beside(file, relative, &path, err);
	if (r < 0 || access(path, F_OK) < 0)
		return r;
	r = file_read(path, VARIABLE_FILE_MAX, ERR_CONFIG, ret, NULL, err);
	if (r == 0)
		(*ret)[strcspn(*ret, "\r\n")] = '\0';
	return r;
}

/* NAME is letters, digits and '_'. *ret stays NULL for a variable that is not known. */
static int find_value(const struct repofile_vars *vars, const char *name, char **ret,
		      struct err *err)
{
	const char *value = NULL;
	char env[64];

	if (!strcmp(name, "arch"))
		value = vars->arch;
	else if (!strcmp(name, "basearch"))
		value = vars->arch ? repofile_basearch(vars->arch) : NULL;
	else if (!strcmp(name, "releasever"))
		value = vars->releasever;
	else if (vars->releasever && !strcmp(name, "releasever_major"))
		return part_of_releasever(vars->releasever, true, ret, err);
	else if (vars->releasever && !strcmp(name, "releasever_minor"))
		return part_of_releasever(vars->releasever, false, ret, err);
	else if ((size_t)snprintf(env, sizeof(env), "DNF_VAR_%s", name) < sizeof(env))
		value = getenv(env);
	if (!value && str_starts(name, "DNF") && isdigit((unsigned char)name[3]) && !name[4])
		value = getenv(name);
	if (value)
		return str_dup(ret, value, err);
	return vars->file ? from_file(vars->file, name, ret, err) : 0;
}

/* --- replacing ---------------------------------------------------------------------------------- */

int repofile_expand(const char *text, const struct repofile_vars *vars, char **ret, struct err *err)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	CLEANUP(str_release) struct str out = STR_INIT;

	while (*text) {
		bool brace = text[0] == '$' && text[1] == '{';
		const char *start = text + 1 + brace;
		size_t len = *text == '$' ? strspn(start, letters) : 0;
		cleanup_free char *name = NULL;
		cleanup_free char *value = NULL;

		if (!len || (brace && start[len] != '}')) {
			str_addc(&out, *text++);
			continue;
		}
		name = strndup(start, len);
		if (!name)
			return err_nomem(err);
		if (find_value(vars, name, &value, err) < 0)
			return -(int)err->code;
		if (!value)
			return err_set(err, ERR_CONFIG,
				       "unknown variable '$%.60s' (set DNF_VAR_%.60s in the "
				       "environment, or write it into vars/%.60s beside the .repo "
				       "file)",
				       name, name, name);
		str_add(&out, value);
		text = start + len + brace;
	}
	return str_done(&out, ret, err);
}
