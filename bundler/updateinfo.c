/* SPDX-License-Identifier: Apache-2.0 */
#include "updateinfo.h"

#include <expat.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"

#define CHUNK_BYTES (64U << 10)
#define UPDATE_BYTES_MAX (64U << 20) /* of one advisory */
#define CUTS_MAX 100000U

DEFINE_CLEANUP(XML_Parser, XML_ParserFree);

/* Offsets are of the whole document. */
struct span {
	long long from, to;
};

struct reader {
	XML_Parser expat;
	const struct inside *inside; /* borrowed */
	struct str *out;             /* borrowed */
	struct str held;             /* what was read, from HELD_FROM on */
	long long held_from;
	unsigned int depth;
	const char *problem; /* static */

	bool in_update, in_collection, in_package;
	bool update_wanted, collection_wanted, package_wanted;
	struct span update, collection, package;
	struct span *cuts;
	size_t cut_count, cut_size;
	size_t collection_cuts; /* how many there were when it began */
};

static void reader_release(struct reader *r)
{
	str_release(&r->held);
	free(r->cuts);
}

static void stop(struct reader *r, const char *problem)
{
	if (!r->problem)
		r->problem = problem;
	XML_StopParser(r->expat, XML_FALSE);
}

static void begin_span(struct reader *r, struct span *s)
{
	s->from = XML_GetCurrentByteIndex(r->expat);
}

/* Also of an empty element, whose end has the place and length of the whole. */
static void end_span(struct reader *r, struct span *s)
{
	s->to = XML_GetCurrentByteIndex(r->expat) + XML_GetCurrentByteCount(r->expat);
}

static void cut(struct reader *r, const struct span *s)
{
	if (r->cut_count == r->cut_size) {
		size_t size = r->cut_size ? 2 * r->cut_size : 64;
		struct span *cuts =
			size > CUTS_MAX ? NULL : reallocarray(r->cuts, size, sizeof(*cuts));

		if (!cuts) {
			stop(r, "an advisory has too many packages");
			return;
		}
		r->cuts = cuts;
		r->cut_size = size;
	}
	r->cuts[r->cut_count++] = *s;
}

static const char *attribute(const XML_Char **attributes, const char *name)
{
	for (; *attributes; attributes += 2)
		if (!strcmp(attributes[0], name))
			return attributes[1];
	return NULL;
}

static bool is_inside(const struct reader *r, const XML_Char **attributes)
{
	CLEANUP(str_release) struct str nevra = STR_INIT;
	const char *name = attribute(attributes, "name");
	const char *epoch = attribute(attributes, "epoch");
	const char *version = attribute(attributes, "version");
	const char *release = attribute(attributes, "release");
	const char *arch = attribute(attributes, "arch");

	if (!name || !version || !release || !arch)
		return false;
	str_addf(&nevra, "%s-%s:%s-%s.%s", name, epoch && *epoch ? epoch : "0", version, release,
		 arch);
	return !nevra.failed && inside_has(r->inside, nevra.buf);
}

static void on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct reader *r = arg;

	if (r->depth == 0 && strcmp(name, "updates") != 0) {
		stop(r, "its root is no <updates>");
	} else if (r->depth == 1 && !strcmp(name, "update")) {
		r->in_update = true;
		r->update_wanted = false;
		r->cut_count = 0;
		begin_span(r, &r->update);
	} else if (r->in_update && !r->in_collection && !strcmp(name, "collection")) {
		r->in_collection = true;
		r->collection_wanted = false;
		r->collection_cuts = r->cut_count;
		begin_span(r, &r->collection);
	} else if (r->in_collection && !r->in_package && !strcmp(name, "package")) {
		r->in_package = true;
		r->package_wanted = is_inside(r, attributes);
		begin_span(r, &r->package);
	}
	r->depth++;
}

static const char *held_at(const struct reader *r, long long offset)
{
	return r->held.buf + (offset - r->held_from);
}

static void emit(struct reader *r)
{
	long long from = r->update.from;

	for (size_t i = 0; i < r->cut_count; i++) {
		str_add_len(r->out, held_at(r, from), (size_t)(r->cuts[i].from - from));
		from = r->cuts[i].to;
	}
	str_add_len(r->out, held_at(r, from), (size_t)(r->update.to - from));
	str_addc(r->out, '\n');
}

static void on_end(void *arg, const XML_Char *name)
{
	struct reader *r = arg;

	r->depth--;
	if (r->in_package && !strcmp(name, "package")) {
		end_span(r, &r->package);
		r->in_package = false;
		r->collection_wanted = r->collection_wanted || r->package_wanted;
		if (!r->package_wanted)
			cut(r, &r->package);
	} else if (r->in_collection && !strcmp(name, "collection")) {
		end_span(r, &r->collection);
		r->in_collection = false;
		r->update_wanted = r->update_wanted || r->collection_wanted;
		if (!r->collection_wanted) {
			r->cut_count = r->collection_cuts;
			cut(r, &r->collection);
		}
	} else if (r->depth == 1 && r->in_update) {
		end_span(r, &r->update);
		r->in_update = false;
		if (r->update_wanted && !r->problem)
			emit(r);
	}
}

static void on_doctype(void *arg, const XML_Char *name, const XML_Char *system_id,
		       const XML_Char *public_id, int has_subset)
{
	(void)name;
	(void)system_id;
	(void)public_id;
	(void)has_subset;
	stop(arg, "it has a document type");
}

/* Its bytes become part of another document. */
static void on_declaration(void *arg, const XML_Char *version, const XML_Char *encoding,
			   int standalone)
{
	(void)version;
	(void)standalone;
	if (encoding && strcasecmp(encoding, "UTF-8") != 0)
		stop(arg, "it is not in UTF-8");
}

/* What no advisory in progress needs is forgotten. */
static void forget(struct reader *r)
{
	long long keep = r->in_update ? r->update.from : XML_GetCurrentByteIndex(r->expat);
	size_t drop = 0;

	if (keep <= r->held_from)
		return;
	drop = (size_t)(keep - r->held_from);
	if (drop > r->held.len)
		drop = r->held.len;
	memmove(r->held.buf, r->held.buf + drop, r->held.len - drop);
	r->held.len -= drop;
	r->held_from += (long long)drop;
}

static int wrong(const struct reader *r, const char *name, struct err *err)
{
	return err_set(err, ERR_VERIFY, "'%.200s', line %lu: %s", name,
		       (unsigned long)XML_GetCurrentLineNumber(r->expat),
		       r->problem ? r->problem : XML_ErrorString(XML_GetErrorCode(r->expat)));
}

int updateinfo_cut(const char *name, FILE *in, const struct inside *inside, struct str *ret,
		   struct err *err)
{
	CLEANUP(XML_ParserFreep) XML_Parser expat = XML_ParserCreate(NULL);
	CLEANUP(reader_release) struct reader r = { .expat = expat, .inside = inside, .out = ret };
	cleanup_free char *chunk = malloc(CHUNK_BYTES);
	size_t n = 0;

	if (!expat || !chunk)
		return err_nomem(err);
	XML_SetUserData(expat, &r);
	XML_SetXmlDeclHandler(expat, on_declaration);
	XML_SetStartDoctypeDeclHandler(expat, on_doctype);
	XML_SetElementHandler(expat, on_start, on_end);
	do {
		n = fread(chunk, 1, CHUNK_BYTES, in);
		str_add_len(&r.held, chunk, n);
		if (r.held.failed)
			return err_nomem(err);
		if (XML_Parse(expat, chunk, (int)n, n < CHUNK_BYTES) == XML_STATUS_ERROR ||
		    r.problem)
			return wrong(&r, name, err);
		forget(&r);
		if (r.held.len > UPDATE_BYTES_MAX)
			return err_set(err, ERR_VERIFY, "'%.200s': an advisory is too long", name);
	} while (n == CHUNK_BYTES);
	return str_check(ret, err);
}
