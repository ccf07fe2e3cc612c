/* SPDX-License-Identifier: Apache-2.0 */
/* DIR/issued.jsonl: a line of JSON for each certificate that was issued or imported. */
#include <string.h>

#include "clock.h"
#include "file.h"
#include "json.h"
#include "keys.h"
#include "keys_private.h"
#include "yaml.h"

#define LOG_NAME "issued.jsonl"
#define LOG_MAX (64U << 20) /* bytes */

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

/* On one line: a line's end in JSON text stands between values only. */
static void add_compact(struct str *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p != '\n') {
			str_addc(out, *p);
			continue;
		}
		while (p[1] == ' ')
			p++;
		if (p[1] && out->buf[out->len - 1] == ',')
			str_addc(out, ' ');
	}
	str_addc(out, '\n');
}

static void describe(struct json *j, const char *action, const char *name,
		     const struct x509_facts *facts, const char *usage)
{
	char now[CLOCK_TEXT_SIZE];
	char from[CLOCK_TEXT_SIZE];
	char to[CLOCK_TEXT_SIZE];

	clock_format(clock_now(), now);
	clock_format(facts->not_before, from);
	clock_format(facts->not_after, to);
	json_open(j, NULL, '{');
	json_string(j, "time", now);
	json_string(j, "action", action);
	json_string(j, "for", name);
	json_string(j, "serial", facts->serial);
	json_string(j, "subject", facts->subject);
	json_strings(j, "sans", &facts->sans);
	json_string(j, "usages", usage);
	json_string(j, "not_before", from);
	json_string(j, "not_after", to);
	json_string(j, "sha256", facts->fingerprint);
	json_close(j, '}');
}

/* Written anew as a whole: a line is there or it is not. */
static int append(const struct keys *keys, const char *line, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	cleanup_free char *path = NULL;
	cleanup_free char *before = NULL;
	int r = keys_path(keys, LOG_NAME, &path, err);

	if (r == 0 && keys_exists(path))
		r = file_read(path, LOG_MAX, ERR_CONFIG, &before, NULL, err);
	if (r < 0)
		return r;
	str_add(&text, before ? before : "");
	if (text.len && text.buf[text.len - 1] != '\n')
		str_addc(&text, '\n');
	add_compact(&text, line);
	r = str_check(&text, err);
	return r < 0 ? r : file_write_atomic(path, 0600, text.buf, text.len, err);
}

int keys_log(const struct keys *keys, const char *action, const char *name, X509 *cert,
	     struct err *err)
{
	CLEANUP(x509_facts_release) struct x509_facts facts = { .usage = 0 };
	CLEANUP(json_release) struct json j = JSON_INIT;
	CLEANUP(str_release) struct str usage = STR_INIT;
	cleanup_free char *line = NULL;
	int r = x509_describe(cert, &facts, err);

	if (r < 0)
		return r;
	x509_usage_text(facts.usage, &usage);
	describe(&j, action, name, &facts, usage.buf);
	r = json_done(&j, &line, err);
	if (r == 0)
		r = append(keys, line, err);
	return r < 0 ? err_prefix(err, "the record of what was issued") : 0;
}

/* JSON is YAML too, and the reader of that is strict. */
static int match_line(const char *line, size_t len, const char *serial, char **ret_name,
		      struct err *err)
{
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	const struct yaml_node *has = NULL;
	const struct yaml_node *name = NULL;
	int r = yaml_parse(LOG_NAME, line, len, ERR_CONFIG, &doc, err);

	if (r < 0)
		return r;
	has = yaml_get(yaml_root(doc), "serial");
	name = yaml_get(yaml_root(doc), "for");
	if (!has || !name || has->type != YAML_SCALAR || name->type != YAML_SCALAR)
		return err_set(err, ERR_CONFIG, "'%s' holds a line that is no record", LOG_NAME);
	if (strcmp(has->text, serial) != 0)
		return 0;
	free(steal_ptr(ret_name));
	return str_dup(ret_name, name->text, err);
}

int keys_log_find(const struct keys *keys, const char *serial, char **ret_name, struct err *err)
{
	cleanup_free char *path = NULL;
	cleanup_free char *text = NULL;
	cleanup_free char *name = NULL;
	int r = keys_path(keys, LOG_NAME, &path, err);

	*ret_name = NULL;
	if (r < 0 || !keys_exists(path))
		return r;
	r = file_read(path, LOG_MAX, ERR_CONFIG, &text, NULL, err);
	for (const char *line = text; r == 0 && *line;) {
		size_t len = strcspn(line, "\n");

		/* Most lines are about others. */
		if (memmem(line, len, serial, strlen(serial)))
			r = match_line(line, len, serial, &name, err);
		line += len + (line[len] == '\n');
	}
	if (r == 0)
		*ret_name = steal_ptr(&name);
	return r;
}
