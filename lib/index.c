/* SPDX-License-Identifier: Apache-2.0 */
#include "index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "clock.h"
#include "file.h"
#include "pgp.h"
#include "tar.h"
#include "yaml.h"

#define SEQUENCE_MAX UINT64_C(999999999)
#define TEXT_MAX 128

void index_release(struct index *index)
{
	for (size_t i = 0; i < index->member_count; i++) {
		free(index->members[i].path);
		free(index->members[i].key);
	}
	free(index->members);
	strv_release(&index->volumes);
	free(index->cluster);
	free(index->platform.id);
	free(index->platform.arch);
	free(index->platform.glibc);
	free(index->platform.python);
	*index = (struct index)INDEX_INIT;
}

static bool is_sha256(const char *text)
{
	unsigned char raw[SHA256_SIZE];

	return hex_decode(raw, sizeof(raw), text) && !strpbrk(text, "ABCDEF");
}

static bool is_key(const char *text)
{
	return strlen(text) == PGP_FPR_SIZE - 1 && strspn(text, "0123456789ABCDEF") == strlen(text);
}

/* What both the builder and a signed index must keep to. */
static int check_member(const char *path, uint64_t size, const char *sha256, const char *key,
			struct err *err)
{
	if (strlen(path) > INDEX_PATH_MAX || !path_is_safe(path) || !str_is_word(path, "._-+~^/"))
		return err_set(err, ERR_VERIFY, "'%.200s' is no path for a bundle's member", path);
	if (!strcmp(path, INDEX_NAME) || !strcmp(path, INDEX_SIGNATURE_NAME))
		return err_set(err, ERR_VERIFY, "'%s' cannot list itself", path);
	if (size > TAR_SIZE_MAX)
		return err_set(err, ERR_VERIFY, "'%.200s' is too large for a bundle", path);
	if (!is_sha256(sha256))
		return err_set(err, ERR_VERIFY, "'%.200s' has no SHA-256", path);
	if (str_ends(path, ".rpm") != (key != NULL) || (key && !is_key(key)))
		return err_set(
			err, ERR_VERIFY,
			"'%.200s': an RPM needs its signer's fingerprint, nothing else has one",
			path);
	return 0;
}

int index_add(struct index *index, const char *path, uint64_t size_bytes, const char *sha256,
	      const char *key, struct err *err)
{
	struct index_member *m = NULL;
	int r = check_member(path, size_bytes, sha256, key, err);

	if (r)
		return r;
	if (index->member_count == INDEX_MEMBERS_MAX)
		return err_set(err, ERR_VERIFY, "more than %u members", INDEX_MEMBERS_MAX);
	if (index->member_count == index->members_size) {
		size_t size = index->members_size ? 2 * index->members_size : 64;

		m = realloc(index->members, size * sizeof(*m));
		if (!m)
			return err_nomem(err);
		index->members = m;
		index->members_size = size;
	}
	m = &index->members[index->member_count];
	*m = (struct index_member){ .path = strdup(path), .key = key ? strdup(key) : NULL };
	m->size_bytes = size_bytes;
	memcpy(m->sha256, sha256, SHA256_HEX_SIZE);
	if (!m->path || (key && !m->key)) {
		free(m->path);
		free(m->key);
		return err_nomem(err);
	}
	index->member_count++;
	return 0;
}

static int by_path(const void *a, const void *b)
{
	const struct index_member *ma = a;
	const struct index_member *mb = b;

	return strcmp(ma->path, mb->path);
}

/* Members are sorted and unique; one that is another's directory is found by looking for each
 * directory. */
static int check_directories(const struct index *index, struct err *err)
{
	char dir[INDEX_PATH_MAX + 1];

	for (size_t i = 0; i < index->member_count; i++) {
		const char *path = index->members[i].path;

		for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/')) {
			memcpy(dir, path, (size_t)(p - path));
			dir[p - path] = '\0';
			if (index_find(index, dir))
				return err_set(err, ERR_VERIFY,
					       "member '%.200s' stands where a directory must be",
					       dir);
		}
	}
	return 0;
}

int index_sort(struct index *index, struct err *err)
{
	if (index->member_count)
		qsort(index->members, index->member_count, sizeof(*index->members), by_path);
	for (size_t i = 1; i < index->member_count; i++) {
		if (!strcmp(index->members[i - 1].path, index->members[i].path))
			return err_set(err, ERR_VERIFY, "member '%.200s' is listed twice",
				       index->members[i].path);
	}
	return check_directories(index, err);
}

const struct index_member *index_find(const struct index *index, const char *path)
{
	struct index_member key = { .path = (char *)path };

	if (!index->member_count)
		return NULL;
	return bsearch(&key, index->members, index->member_count, sizeof(key), by_path);
}

uint64_t index_total_bytes(const struct index *index)
{
	uint64_t total = 0;

	for (size_t i = 0; i < index->member_count; i++)
		total += index->members[i].size_bytes;
	return total;
}

uint64_t index_carried_bytes(const struct index *index)
{
	uint64_t total = 0;

	for (size_t i = 0; i < index->member_count; i++)
		total += index->members[i].from_base ? 0 : index->members[i].size_bytes;
	return total;
}

void index_archive_name(const struct index *index, size_t volume, struct str *ret)
{
	str_addf(ret, "pgha-%s-%" PRIu64, index->cluster, index->sequence);
	if (index->base_sequence)
		str_addf(ret, "-from-%" PRIu64, index->base_sequence);
	if (index->volumes.count)
		str_addf(ret, ".%zuof%zu", volume + 1, index->volumes.count);
	str_add(ret, ".tar");
}

size_t index_volume_count(const struct index *index)
{
	return index->volumes.count ? index->volumes.count : 1;
}

static size_t find_position(const struct index *index, const char *path)
{
	const struct index_member *m = index_find(index, path);

	return m ? (size_t)(m - index->members) : index->member_count;
}

void index_volume_range(const struct index *index, size_t volume, size_t *ret_from, size_t *ret_to)
{
	*ret_from = volume ? find_position(index, index->volumes.items[volume]) : 0;
	*ret_to = volume + 1 < index->volumes.count
			  ? find_position(index, index->volumes.items[volume + 1])
			  : index->member_count;
}

/* Each begins with a member that it has, the first one with the first that any of them has. */
static bool volumes_are_right(const struct index *index)
{
	const struct strv *volumes = &index->volumes;
	size_t first = 0;

	if (!volumes->count)
		return true;
	while (first < index->member_count && index->members[first].from_base)
		first++;
	if (volumes->count < 2 || volumes->count > INDEX_VOLUMES_MAX ||
	    find_position(index, volumes->items[0]) != first)
		return false;
	for (size_t i = 0; i < volumes->count; i++) {
		const struct index_member *m = index_find(index, volumes->items[i]);

		if (!m || m->from_base || (i && strcmp(volumes->items[i - 1], m->path) >= 0))
			return false;
	}
	return true;
}

static bool base_is_right(const struct index *index)
{
	if (index->base_sequence)
		return index->base_sequence < index->sequence && is_sha256(index->base_sha256);
	return index_carried_bytes(index) == index_total_bytes(index);
}

/* Writing */

static void add_field(struct str *out, const char *key, const char *value)
{
	str_add(out, key);
	str_add(out, ": ");
	yaml_emit_scalar(out, value);
}

/* The payload is the same whether a member is carried or not. */
static void add_member(struct str *out, const struct index_member *m, bool as_payload)
{
	str_add(out, "  - {");
	add_field(out, "path", m->path);
	str_addf(out, ", size: %" PRIu64, m->size_bytes);
	str_add(out, ", ");
	add_field(out, "sha256", m->sha256);
	if (m->key) {
		str_add(out, ", ");
		add_field(out, "key", m->key);
	}
	if (m->from_base && !as_payload)
		str_add(out, ", from: base");
	str_add(out, "}\n");
}

static bool is_payload(const char *path)
{
	if (str_starts(path, "repo/"))
		return !str_starts(path, "repo/repodata/");
	return str_starts(path, "wheels/") || str_starts(path, "manifests/") ||
	       str_starts(path, "keys/");
}

int index_payload_digest(const struct index *index, char ret_hex[SHA256_HEX_SIZE], struct err *err)
{
	CLEANUP(str_release) struct str text = STR_INIT;
	int r = 0;

	for (size_t i = 0; i < index->member_count; i++) {
		if (is_payload(index->members[i].path))
			add_member(&text, &index->members[i], true);
	}
	r = str_check(&text, err);
	return r ? r : sha256_hex(text.buf ? text.buf : "", text.len, ret_hex, err);
}

static bool is_text(const char *text)
{
	if (!text || !*text || strlen(text) > TEXT_MAX)
		return false;
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

static int check_head(const struct index *index, struct err *err)
{
	const char *wrong = NULL;

	if (!is_text(index->cluster) || !str_is_word(index->cluster, "._-"))
		wrong = "cluster";
	else if (!index->sequence || index->sequence > SEQUENCE_MAX)
		wrong = "sequence";
	else if (index->created <= 0 || index->expires <= index->created)
		wrong = "created, expires";
	else if (!is_text(index->platform.id) || !is_text(index->platform.arch) ||
		 (index->platform.glibc && !is_text(index->platform.glibc)) ||
		 (index->platform.python && !is_text(index->platform.python)))
		wrong = "platform";
	else if (!is_sha256(index->payload_sha256))
		wrong = "payload";
	else if (!is_sha256(index->installer_sha256))
		wrong = "installer";
	else if (!index->member_count)
		wrong = "members";
	else if (!base_is_right(index))
		wrong = "base";
	else if (!volumes_are_right(index))
		wrong = "volumes";
	if (wrong)
		return err_set(err, ERR_FAILED, "the index has no proper '%s'", wrong);
	if (index_total_bytes(index) > INDEX_TOTAL_SIZE_MAX)
		return err_set(err, ERR_FAILED, "the bundle is too large");
	return 0;
}

static void add_parts(struct str *out, const struct index *index)
{
	if (index->base_sequence) {
		str_addf(out, "base: {sequence: %" PRIu64 ", ", index->base_sequence);
		add_field(out, "index", index->base_sha256);
		str_add(out, "}\n");
	}
	for (size_t i = 0; i < index->volumes.count; i++) {
		str_add(out, i ? "  - " : "volumes:\n  - ");
		yaml_emit_scalar(out, index->volumes.items[i]);
		str_addc(out, '\n');
	}
}

int index_format(const struct index *index, struct str *out, struct err *err)
{
	char created[CLOCK_TEXT_SIZE];
	char expires[CLOCK_TEXT_SIZE];
	size_t before = out->len;
	int r = check_head(index, err);

	if (r)
		return r;
	clock_format(index->created, created);
	clock_format(index->expires, expires);
	str_addf(out, "pgha-index: %u\n",
		 index->base_sequence || index->volumes.count ? INDEX_VERSION_PARTS
							      : INDEX_VERSION);
	add_field(out, "cluster", index->cluster);
	str_addf(out, "\nsequence: %" PRIu64 "\n", index->sequence);
	add_field(out, "created", created);
	str_add(out, "\n");
	add_field(out, "expires", expires);
	str_add(out, "\nplatform: {");
	add_field(out, "id", index->platform.id);
	str_add(out, ", ");
	add_field(out, "arch", index->platform.arch);
	if (index->platform.glibc) {
		str_add(out, ", ");
		add_field(out, "glibc", index->platform.glibc);
	}
	if (index->platform.python) {
		str_add(out, ", ");
		add_field(out, "python", index->platform.python);
	}
	str_add(out, "}\n");
	add_field(out, "payload", index->payload_sha256);
	str_add(out, "\n");
	add_field(out, "installer", index->installer_sha256);
	str_addc(out, '\n');
	add_parts(out, index);
	str_add(out, "members:\n");
	for (size_t i = 0; i < index->member_count; i++)
		add_member(out, &index->members[i], false);
	r = str_check(out, err);
	if (!r && out->len - before > INDEX_SIZE_MAX)
		r = err_set(err, ERR_FAILED, "the index is longer than %u bytes", INDEX_SIZE_MAX);
	return r;
}

/* Reading. Unknown keys, order, spelling of numbers and the like need no check of their own: the
 * text is written again and compared. */

static const char *scalar(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);

	return node && node->type == YAML_SCALAR && strlen(node->text) == node->text_len
		       ? node->text
		       : NULL;
}

static int copy_text(const struct yaml_node *map, const char *key, bool required, char **ret,
		     struct err *err)
{
	const char *text = scalar(map, key);

	if (!text)
		return required ? yaml_error(map, err, "no '%s'", key) : 0;
	return str_dup(ret, text, err);
}

static int copy_sha256(const struct yaml_node *map, const char *key, char ret[SHA256_HEX_SIZE],
		       struct err *err)
{
	const char *text = scalar(map, key);

	if (!text || !is_sha256(text))
		return yaml_error(map, err, "'%s' is no SHA-256", key);
	memcpy(ret, text, SHA256_HEX_SIZE);
	return 0;
}

static int copy_number(const struct yaml_node *map, const char *key, uint64_t min, uint64_t max,
		       uint64_t *ret, struct err *err)
{
	const char *text = scalar(map, key);

	if (!text || str_u64(ret, text, min, max, err))
		return yaml_error(map, err, "'%s' is no proper number", key);
	return 0;
}

static int copy_time(const struct yaml_node *map, const char *key, time_t *ret, struct err *err)
{
	const char *text = scalar(map, key);
	time_t t = text ? clock_parse(text) : -1;

	if (t <= 0)
		return yaml_error(map, err, "'%s' is no time", key);
	*ret = t;
	return 0;
}

static int read_head(const struct yaml_node *root, struct index *index, struct err *err)
{
	const struct yaml_node *platform = yaml_get(root, "platform");
	uint64_t version = 0;
	int r = 0;

	if ((r = copy_number(root, "pgha-index", 0, UINT32_MAX, &version, err)))
		return r;
	if (version != INDEX_VERSION && version != INDEX_VERSION_PARTS)
		return yaml_error(root, err,
				  "the bundle has format %" PRIu64
				  ", this program reads format %u: use the pgha-install beside it",
				  version, INDEX_VERSION_PARTS);
	if (!platform)
		platform = root;
	if ((r = copy_text(root, "cluster", true, &index->cluster, err)) ||
	    (r = copy_number(root, "sequence", 1, SEQUENCE_MAX, &index->sequence, err)) ||
	    (r = copy_time(root, "created", &index->created, err)) ||
	    (r = copy_time(root, "expires", &index->expires, err)) ||
	    (r = copy_text(platform, "id", true, &index->platform.id, err)) ||
	    (r = copy_text(platform, "arch", true, &index->platform.arch, err)) ||
	    (r = copy_text(platform, "glibc", false, &index->platform.glibc, err)) ||
	    (r = copy_text(platform, "python", false, &index->platform.python, err)) ||
	    (r = copy_sha256(root, "payload", index->payload_sha256, err)))
		return r;
	return copy_sha256(root, "installer", index->installer_sha256, err);
}

static int read_parts(const struct yaml_node *root, struct index *index, struct err *err)
{
	const struct yaml_node *base = yaml_get(root, "base");
	const struct yaml_node *volumes = yaml_get(root, "volumes");
	int r = 0;

	if (base &&
	    ((r = copy_number(base, "sequence", 1, SEQUENCE_MAX, &index->base_sequence, err)) ||
	     (r = copy_sha256(base, "index", index->base_sha256, err))))
		return r;
	if (volumes && volumes->type != YAML_SEQUENCE)
		return yaml_error(volumes, err, "'volumes' is no list");
	for (size_t i = 0; volumes && i < volumes->count; i++) {
		const struct yaml_node *item = volumes->items[i];

		if (item->type != YAML_SCALAR || strlen(item->text) != item->text_len)
			return yaml_error(item, err, "a volume begins with no member");
		if ((r = strv_add(&index->volumes, item->text, err)))
			return r;
	}
	return 0;
}

static int read_members(const struct yaml_node *list, struct index *index, struct err *err)
{
	if (!list || list->type != YAML_SEQUENCE)
		return err_set(err, ERR_VERIFY, "no 'members'");
	for (size_t i = 0; i < list->count; i++) {
		const struct yaml_node *item = list->items[i];
		const char *path = scalar(item, "path");
		const char *sha256 = scalar(item, "sha256");
		uint64_t size = 0;
		int r = copy_number(item, "size", 0, TAR_SIZE_MAX, &size, err);

		if (r)
			return r;
		if (!path || !sha256)
			return yaml_error(item, err, "a member without path or digest");
		r = index_add(index, path, size, sha256, scalar(item, "key"), err);
		if (r)
			return r;
		index->members[index->member_count - 1].from_base = yaml_get(item, "from") != NULL;
	}
	return 0;
}

static int check_canonical(const struct index *index, const char *text, size_t len, struct err *err)
{
	CLEANUP(str_release) struct str again = STR_INIT;
	char payload[SHA256_HEX_SIZE] = "";
	int r = index_format(index, &again, err);

	if (r)
		return r;
	if (again.len != len || memcmp(again.buf, text, len) != 0)
		return err_set(err, ERR_VERIFY,
			       "not written as this program writes it (keys, order or spelling)");
	r = index_payload_digest(index, payload, err);
	if (!r && strcmp(payload, index->payload_sha256) != 0)
		r = err_set(err, ERR_VERIFY, "the payload digest is not that of its members");
	return r;
}

DEFINE_CLEANUP(struct yaml_doc *, yaml_doc_free);

int index_parse(const char *name, const char *text, size_t len, struct index *ret, struct err *err)
{
	CLEANUP(index_release) struct index index = INDEX_INIT;
	CLEANUP(yaml_doc_freep) struct yaml_doc *doc = NULL;
	int r = 0;

	if ((r = yaml_parse(name, text, len, ERR_VERIFY, &doc, err)))
		return r;
	if ((r = read_head(yaml_root(doc), &index, err)) ||
	    (r = read_parts(yaml_root(doc), &index, err)) ||
	    (r = read_members(yaml_get(yaml_root(doc), "members"), &index, err)) ||
	    (r = index_sort(&index, err)) || (r = check_canonical(&index, text, len, err))) {
		if (err->code != ERR_HOST)
			err->code = ERR_VERIFY;
		return strstr(err->msg, name) ? -(int)err->code : err_prefix(err, "'%s'", name);
	}
	*ret = index;
	index = (struct index)INDEX_INIT;
	return 0;
}
