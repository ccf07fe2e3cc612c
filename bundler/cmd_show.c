/* SPDX-License-Identifier: Apache-2.0 */
/* pgha-bundle show: what a tarball says of itself, from its index. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "clock.h"
#include "cms.h"
#include "commands.h"
#include "file.h"
#include "index.h"
#include "tar.h"

struct options {
	const char *ca;
};

static const struct cli_option show_options[] = {
	{ "ca", 0, CLI_VALUE, "FILE", "check the signature against this CA", false,
	  offsetof(struct options, ca) },
	CLI_OPTION_END,
};

static int append(void *arg, const void *data, size_t len, struct err *err)
{
	str_add_len(arg, data, len);
	return str_check(arg, err);
}

static int read_member(struct tar_reader *r, const char *path, uint64_t max_bytes, struct str *ret,
		       struct err *err)
{
	uint64_t size = 0;
	int res = tar_read_sized_header(r, path, max_bytes, &size, err);

	return res < 0 ? res : tar_read_contents(r, path, size, append, ret, err);
}

static int check_signature(const struct str *text, const struct str *signature, const char *ca,
			   struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *cas = NULL;
	struct cms_signer signer = { .not_after = 0 };
	int r = x509_load_all(ca, ERR_USAGE, &cas, err);

	if (r == 0)
		r = cms_verify(signature->buf, signature->len, text->buf, text->len, cas, NULL,
			       clock_now(), &signer, err);
	if (r == 0)
		printf("signer     %s, SHA-256 %s\n", signer.subject, signer.fingerprint);
	return r;
}

static void print_size(uint64_t bytes)
{
	printf("%10.1f KiB", (double)bytes / 1024);
}

/* One line for each part of the bundle, then every RPM and wheel. */
static void print_members(const struct index *index)
{
	static const struct {
		const char *prefix, *what;
	} parts[] = {
		{ "repo/Packages/", "RPM packages" },
		{ "repo/repodata/", "repository metadata" },
		{ "wheels/", "Python wheels" },
		{ "manifests/", "manifests" },
		{ "certs/", "certificates" },
		{ "keys/", "vendors' public keys" },
		{ "nodes/", "sealed files of the nodes" },
	};

	for (size_t p = 0; p < ARRAY_SIZE(parts); p++) {
		uint64_t bytes = 0;
		size_t count = 0;

		for (size_t i = 0; i < index->member_count; i++) {
			if (!str_starts(index->members[i].path, parts[p].prefix))
				continue;
			bytes += index->members[i].size_bytes;
			count++;
		}
		print_size(bytes);
		printf("  %4zu %s\n", count, parts[p].what);
	}
	printf("\n");
	for (size_t i = 0; i < index->member_count; i++) {
		const struct index_member *m = &index->members[i];

		if (!m->key && !str_ends(m->path, ".whl"))
			continue;
		print_size(m->size_bytes);
		printf("  %s%s%s\n", path_basename(m->path), m->key ? "  signed by " : "",
		       m->key ? m->key : "");
	}
}

static void print_index(const struct index *index)
{
	char created[CLOCK_TEXT_SIZE];
	char expires[CLOCK_TEXT_SIZE];

	clock_format(index->created, created);
	clock_format(index->expires, expires);
	printf("cluster    %s\n", index->cluster);
	printf("sequence   %llu\n", (unsigned long long)index->sequence);
	printf("created    %s\n", created);
	printf("expires    %s%s\n", expires, index->expires < clock_now() ? " (over)" : "");
	printf("platform   %s %s\n", index->platform.id, index->platform.arch);
	printf("payload    SHA-256 %s\n", index->payload_sha256);
	printf("installer  SHA-256 %s\n\n", index->installer_sha256);
	print_members(index);
}

static int run(const void *data, int argc, char **argv, struct err *err)
{
	const struct options *o = data;
	cleanup_close int fd = open(argv[0], O_RDONLY | O_CLOEXEC);
	CLEANUP(str_release) struct str text = STR_INIT;
	CLEANUP(str_release) struct str signature = STR_INIT;
	CLEANUP(index_release) struct index index = INDEX_INIT;
	struct tar_reader reader = { .fd = fd, .name = argv[0] };
	int r = 0;

	(void)argc;
	if (fd < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open '%s'", argv[0]);
	r = read_member(&reader, INDEX_NAME, INDEX_SIZE_MAX, &text, err);
	if (r == 0)
		r = read_member(&reader, INDEX_SIGNATURE_NAME, INDEX_SIGNATURE_SIZE_MAX, &signature,
				err);
	if (r == 0 && o->ca)
		r = check_signature(&text, &signature, o->ca, err);
	else if (r == 0)
		printf("signer     not checked: give --ca FILE\n");
	if (r == 0)
		r = index_parse(argv[0], text.buf, text.len, &index, err);
	if (r == 0)
		print_index(&index);
	return r;
}

const struct cli_command bundle_cmd_show = {
	.name = "show",
	.args = "BUNDLE.tar",
	.min_args = 1,
	.max_args = 1,
	.summary = "what is inside a bundle; members are checked by 'pgha-install verify'",
	.options = show_options,
	.run = run,
	.options_size = sizeof(struct options),
};
