/* SPDX-License-Identifier: Apache-2.0 */
#include "metalink.h"

#include <ctype.h>
#include <expat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "str.h"

#define DEPTH_MAX 32
#define TEXT_MAX 4096 /* bytes between two tags that somebody reads */

DEFINE_CLEANUP(XML_Parser, XML_ParserFree);

enum state {
	AT_TOP,
	AT_METALINK,
	AT_FILES,
	AT_OTHER_FILE,
	AT_FILE,
	AT_ALTERNATES,
	AT_ALTERNATE,
	AT_VERIFICATION,
	AT_RESOURCES,
	AT_TIMESTAMP, /* from here on their text is read */
	AT_SIZE,
	AT_HASH,
	AT_URL,
	AT_UNKNOWN,
};

static const struct {
	enum state from;
	const char *name; /* without a prefix */
	enum state to;
} elements[] = {
	{ AT_TOP, "metalink", AT_METALINK },
	{ AT_METALINK, "files", AT_FILES },
	{ AT_FILES, "file", AT_FILE },
	{ AT_FILE, "timestamp", AT_TIMESTAMP },
	{ AT_FILE, "size", AT_SIZE },
	{ AT_FILE, "verification", AT_VERIFICATION },
	{ AT_FILE, "alternates", AT_ALTERNATES },
	{ AT_FILE, "resources", AT_RESOURCES },
	{ AT_ALTERNATES, "alternate", AT_ALTERNATE },
	{ AT_ALTERNATE, "timestamp", AT_TIMESTAMP },
	{ AT_ALTERNATE, "size", AT_SIZE },
	{ AT_ALTERNATE, "verification", AT_VERIFICATION },
	{ AT_VERIFICATION, "hash", AT_HASH },
	{ AT_RESOURCES, "url", AT_URL },
};

struct reader {
	XML_Parser expat;
	struct metalink *ret;
	enum state stack[DEPTH_MAX + 1];
	size_t depth;
	size_t current;          /* the digest that is being read */
	unsigned int preference; /* of the URL that is being read */
	bool sha256;             /* the hash that is being read is one */
	bool found;
	bool stopped; /* expat may still call after XML_StopParser() */
	struct str text;
	struct err *err;
};

static void reader_release(struct reader *r)
{
	str_release(&r->text);
}

/* Ends the parsing with the error that was set. */
static void stop(struct reader *r)
{
	r->stopped = true;
	XML_StopParser(r->expat, XML_FALSE);
}

static void wrong(struct reader *r, const char *what)
{
	err_set(r->err, ERR_VERIFY, "line %lu: %s",
		(unsigned long)XML_GetCurrentLineNumber(r->expat), what);
	stop(r);
}

static const char *attribute(const char **attributes, const char *name)
{
	for (; attributes[0]; attributes += 2)
		if (!strcmp(attributes[0], name))
			return attributes[1];
	return NULL;
}

static int add_digest(struct reader *r)
{
	struct metalink *m = r->ret;
	struct metalink_digest *more = reallocarray(m->digests, m->digest_count + 1, sizeof(*more));

	if (!more)
		return err_nomem(r->err);
	m->digests = more;
	r->current = m->digest_count;
	more[m->digest_count++] = (struct metalink_digest){ .size_bytes = 0 };
	return 0;
}

/* --- tags --------------------------------------------------------------------------------------- */

static void on_doctype(void *arg, const char *name, const char *system, const char *public,
		       int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	wrong(arg, "a document type has no place in a metalink");
}

static enum state start_file(struct reader *r, const char **attributes)
{
	const char *name = attribute(attributes, "name");

	if (!name || strcmp(name, "repomd.xml") != 0)
		return AT_OTHER_FILE;
	if (r->found)
		wrong(r, "'repomd.xml' stands twice");
	else if (add_digest(r) < 0)
		stop(r);
	r->found = true;
	return AT_FILE;
}

static void start_url(struct reader *r, const char **attributes)
{
	const char *preference = attribute(attributes, "preference");
	struct err ignored = ERR_INIT;
	uint64_t value = 0;

	if (preference && str_u64(&value, preference, 0, METALINK_PREFERENCE_MAX, &ignored) < 0)
		value = 0;
	r->preference = (unsigned int)value;
}

static void on_start(void *arg, const char *qname, const char **attributes)
{
	struct reader *r = arg;
	const char *colon = strrchr(qname, ':');
	const char *name = colon ? colon + 1 : qname;
	enum state to = AT_UNKNOWN;

	if (r->stopped)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(elements); i++)
		if (elements[i].from == r->stack[r->depth] && !strcmp(elements[i].name, name))
			to = elements[i].to;
	if (r->depth == 0 && to != AT_METALINK) {
		wrong(r, "this is no metalink");
		return;
	}
	if (r->depth == DEPTH_MAX) {
		wrong(r, "elements are nested too deep");
		return;
	}
	str_reset(&r->text);
	if (to == AT_FILE) {
		to = start_file(r, attributes);
	} else if (to == AT_ALTERNATE && add_digest(r) < 0) {
		stop(r);
	} else if (to == AT_URL) {
		start_url(r, attributes);
	} else if (to == AT_HASH) {
		const char *type = attribute(attributes, "type");

		r->sha256 = type && (!strcmp(type, "sha256") || !strcmp(type, "sha-256"));
	}
	r->stack[++r->depth] = to;
}

static void on_text(void *arg, const char *text, int len)
{
	struct reader *r = arg;
	enum state state = r->stack[r->depth];

	if (r->stopped || state < AT_TIMESTAMP || state == AT_UNKNOWN)
		return;
	if ((size_t)len > TEXT_MAX - r->text.len)
		wrong(r, "a value is too long");
	else
		str_add_len(&r->text, text, (size_t)len);
}

/* --- values ------------------------------------------------------------------------------------- */

static void end_number(struct reader *r, const char *text, uint64_t *ret)
{
	struct err ignored = ERR_INIT;

	if (str_u64(ret, text, 0, INT64_MAX, &ignored) < 0)
		wrong(r, "a number is expected");
}

static void end_hash(struct reader *r, char *text)
{
	char *sha256 = r->ret->digests[r->current].sha256;
	unsigned char raw[SHA256_SIZE];

	if (!r->sha256)
		return;
	for (char *p = text; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (!hex_decode(raw, sizeof(raw), text))
		wrong(r, "64 hexadecimal digits are expected");
	else if (*sha256 && strcmp(sha256, text) != 0)
		wrong(r, "two different SHA-256 of one file");
	else
		memcpy(sha256, text, SHA256_HEX_SIZE);
}

static void end_url(struct reader *r, const char *text)
{
	struct metalink *m = r->ret;
	struct metalink_url *more = reallocarray(m->urls, m->url_count + 1, sizeof(*more));

	if (!more) {
		err_nomem(r->err);
		stop(r);
		return;
	}
	m->urls = more;
	more += m->url_count;
	*more = (struct metalink_url){ .preference = r->preference };
	if (str_dup(&more->url, text, r->err) < 0)
		stop(r);
	else
		m->url_count++;
}

static void on_end(void *arg, const char *qname)
{
	struct reader *r = arg;
	cleanup_free char *all = NULL;
	enum state state = r->stack[r->depth];
	char *text = NULL;

	(void)qname;
	if (r->stopped)
		return;
	r->depth--;
	if (state == AT_ALTERNATE)
		r->current = 0;
	if (state < AT_TIMESTAMP || state == AT_UNKNOWN)
		return;
	if (str_done(&r->text, &all, r->err) < 0) {
		stop(r);
		return;
	}
	text = all + strspn(all, " \t\r\n");
	for (size_t len = strlen(text); len && isspace((unsigned char)text[len - 1]); len--)
		text[len - 1] = '\0';
	if (state == AT_TIMESTAMP)
		end_number(r, text, &r->ret->digests[r->current].timestamp);
	else if (state == AT_SIZE)
		end_number(r, text, &r->ret->digests[r->current].size_bytes);
	else if (state == AT_HASH)
		end_hash(r, text);
	else
		end_url(r, text);
}

/* --- the whole ---------------------------------------------------------------------------------- */

/* Newest first; sort of an insertion, so that equal times keep their order. */
static void sort_alternates(struct metalink *m)
{
	for (size_t i = 2; i < m->digest_count; i++) {
		struct metalink_digest d = m->digests[i];
		size_t k = i;

		for (; k > 1 && m->digests[k - 1].timestamp < d.timestamp; k--)
			m->digests[k] = m->digests[k - 1];
		m->digests[k] = d;
	}
}

static int finish(struct reader *r, struct err *err)
{
	struct metalink *m = r->ret;
	size_t kept = 0;

	if (!r->found)
		return err_set(err, ERR_VERIFY, "it is not about a file 'repomd.xml'");
	if (!*m->digests[0].sha256)
		return err_set(err, ERR_VERIFY,
			       "it gives no SHA-256 of repomd.xml, and nothing older counts");
	for (size_t i = 0; i < m->digest_count; i++)
		if (*m->digests[i].sha256)
			m->digests[kept++] = m->digests[i];
	m->digest_count = kept;
	sort_alternates(m);
	return 0;
}

int metalink_parse(const char *text, size_t size_bytes, struct metalink *ret, struct err *err)
{
	CLEANUP(XML_ParserFreep) XML_Parser expat = XML_ParserCreate(NULL);
	CLEANUP(reader_release)
	struct reader r = { .expat = expat, .ret = ret, .err = err };

	if (!expat)
		return err_nomem(err);
	XML_SetUserData(expat, &r);
	XML_SetStartDoctypeDeclHandler(expat, on_doctype);
	XML_SetElementHandler(expat, on_start, on_end);
	XML_SetCharacterDataHandler(expat, on_text);
	if (XML_Parse(expat, text, (int)size_bytes, XML_TRUE) == XML_STATUS_ERROR) {
		if (!err->code)
			err_set(err, ERR_VERIFY, "line %lu: %s",
				(unsigned long)XML_GetCurrentLineNumber(expat),
				XML_ErrorString(XML_GetErrorCode(expat)));
		return -(int)err->code;
	}
	return finish(&r, err);
}

void metalink_release(struct metalink *metalink)
{
	for (size_t i = 0; i < metalink->url_count; i++)
		free(metalink->urls[i].url);
	free(metalink->urls);
	free(metalink->digests);
	*metalink = (struct metalink)METALINK_INIT;
}
