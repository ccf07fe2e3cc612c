/* SPDX-License-Identifier: Apache-2.0 */
/* The file that gives each node's passphrase. Messages never quote what stands behind a '='. */
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "progress.h"
#include "topology.h"

struct passphrase {
	const char *node; /* both in the file's text */
	const char *text;
};

struct keys_passphrases {
	char *path;
	struct str file; /* secret */
	struct passphrase *items;
	size_t count;
};

DEFINE_CLEANUP(struct keys_passphrases *, keys_passphrases_free);

void keys_passphrases_free(struct keys_passphrases *p)
{
	if (!p)
		return;
	str_release(&p->file);
	free(p->items);
	free(p->path);
	free(p);
}

static const char *find(const struct keys_passphrases *p, const char *node)
{
	for (size_t i = 0; i < p->count; i++)
		if (!strcmp(p->items[i].node, node))
			return p->items[i].text;
	return NULL;
}

static int add_line(struct keys_passphrases *p, unsigned int number, char *line, struct err *err)
{
	char *equals = strchr(line, '=');
	struct passphrase *more = NULL;

	if (!*line || *line == '#')
		return 0;
	if (equals)
		*equals = '\0';
	if (!equals || !str_is_word(line, ".-_"))
		return err_set(err, ERR_CONFIG, "%s:%u: expected NODE=passphrase", p->path, number);
	if (find(p, line))
		return err_set(err, ERR_CONFIG, "%s:%u: node '%s' has a passphrase already",
			       p->path, number, line);
	if (passphrase_length(equals + 1) < KEYS_PASSPHRASE_MIN)
		return err_set(err, ERR_CONFIG,
			       "%s:%u: the passphrase of node '%s' is shorter than %d characters",
			       p->path, number, line, KEYS_PASSPHRASE_MIN);
	more = reallocarray(p->items, p->count + 1, sizeof(*more));
	if (!more)
		return err_nomem(err);
	p->items = more;
	p->items[p->count++] = (struct passphrase){ .node = line, .text = equals + 1 };
	return 0;
}

/* Whoever has one of two equal passphrases opens the other's capsule too. */
static void warn_of_equal(const struct keys_passphrases *p)
{
	for (size_t i = 0; i < p->count; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(p->items[i].text, p->items[k].text)) {
				warning("%s: nodes '%s' and '%s' have the same passphrase, and "
					"each opens "
					"the other's capsule: give every node one of its own",
					p->path, p->items[k].node, p->items[i].node);
				break;
			}
}

int keys_passphrases_load(const char *path, struct keys_passphrases **ret, struct err *err)
{
	CLEANUP(keys_passphrases_freep) struct keys_passphrases *p = calloc(1, sizeof(*p));
	unsigned int number = 0;
	char *line = NULL;
	int r = 0;

	if (!p)
		return err_nomem(err);
	p->file.secret = true;
	r = str_dup(&p->path, path, err);
	if (r == 0)
		r = x509_read_private(path, ERR_USAGE, &p->file, err);
	if (r < 0)
		return err_prefix(err, "the nodes' passphrases");
	if (strlen(p->file.buf) != p->file.len)
		return err_set(err, ERR_CONFIG, "'%s' holds a NUL character", path);
	for (line = p->file.buf; line;) {
		char *end = strchr(line, '\n');

		if (end)
			*end = '\0';
		if (end && end > line && end[-1] == '\r')
			end[-1] = '\0';
		r = add_line(p, ++number, line, err);
		if (r < 0)
			return r;
		line = end ? end + 1 : NULL;
	}
	warn_of_equal(p);
	*ret = steal_ptr(&p);
	return 0;
}

int keys_passphrase(const struct keys_passphrases *p, const char *node, const char **ret,
		    struct err *err)
{
	const char *text = find(p, node);

	if (!text)
		return err_set(err, ERR_CONFIG,
			       "'%s' has no passphrase for node '%s': add a line %s=…", p->path,
			       node, node);
	*ret = text;
	return 0;
}

void keys_passphrases_tell_unknown(const struct keys_passphrases *p,
				   const struct topology *topology)
{
	for (size_t i = 0; i < p->count; i++)
		if (!topology_find(topology, p->items[i].node))
			warning("%s: the topology has no node '%s': its passphrase is not used",
				p->path, p->items[i].node);
}
