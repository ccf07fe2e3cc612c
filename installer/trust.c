/* SPDX-License-Identifier: Apache-2.0 */
#include "trust.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "file.h"
#include "passphrase.h"
#include "x509.h"

#define CA_NAME "ca.crt"
#define CA_MAX (1U << 20) /* bytes */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void trust_release(struct trust *t)
{
	cleanup_closep(&t->fd);
	*t = (struct trust)TRUST_INIT;
}

static int copy_file(const char *path, struct trust *ret, struct err *err)
{
	cleanup_close int fd = memfd_create(CA_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	cleanup_free char *data = NULL;
	CLEANUP(x509_stack_freep) STACK_OF(X509) *certs = NULL;
	struct err unnamed = ERR_INIT;
	size_t size = 0;
	int r = 0;

	if (access(path, R_OK) < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot read the CA '%.300s'", path);
	if ((r = file_read(path, CA_MAX, ERR_USAGE, &data, &size, err)))
		return r;
	if (fd < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot keep '%.200s' in memory", path);
	if ((r = fd_write_all(fd, path, data, size, err)))
		return r;
	if (fcntl(fd, F_ADD_SEALS, SEALS) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot keep '%.200s' in memory", path);
	snprintf(ret->path, sizeof(ret->path), "/proc/self/fd/%d", fd);
	if (x509_load_all(ret->path, ERR_CONFIG, &certs, &unnamed) < 0)
		return err_set(err, ERR_CONFIG,
			       "'%.300s' is not a certificate in PEM: the cluster's ca.crt is "
			       "wanted, as 'pgha-bundle keys init' made it",
			       path);
	ret->fd = steal_fd(&fd);
	return 0;
}

/* -- fingerprints -- */

/* As openssl and 'keys init' print it, or without the colons. */
static int parse_fingerprint(const char *text, char ret_hex[SHA256_HEX_SIZE], struct err *err)
{
	size_t n = 0;

	for (const char *p = text; *p; p++) {
		if (*p == ':' || *p == ' ' || *p == '\t')
			continue;
		if (!isxdigit((unsigned char)*p) || n == SHA256_HEX_SIZE - 1)
			return err_set(err, ERR_USAGE,
				       "'%.100s' is no SHA-256 fingerprint: it has 64 hexadecimal "
				       "digits, as 'openssl x509 -noout -fingerprint -sha256' "
				       "prints it",
				       text);
		ret_hex[n++] = (char)tolower((unsigned char)*p);
	}
	ret_hex[n] = '\0';
	return n == SHA256_HEX_SIZE - 1 ? 0 : parse_fingerprint("?", ret_hex, err);
}

/* The fingerprint names the first one; what stands behind it must be above it, and no CA of somebody else's. */
static int check_chain(const char *path, STACK_OF(X509) *certs, struct err *err)
{
	for (int i = 1; i < sk_X509_num(certs); i++) {
		X509 *above = sk_X509_value(certs, i);
		EVP_PKEY *key = X509_get0_pubkey(above);

		if (!key || X509_verify(sk_X509_value(certs, i - 1), key) != 1)
			return x509_error(err, ERR_VERIFY,
					  "certificate %d in '%.200s' did not issue the one "
					  "before it: the fingerprint says nothing about it",
					  i + 1, path);
	}
	return 0;
}

static int check_fingerprint(const char *path, const struct trust *t, const char *hex,
			     struct err *err)
{
	CLEANUP(x509_stack_freep) STACK_OF(X509) *certs = NULL;
	char text[X509_FINGERPRINT_TEXT_SIZE];
	char have[SHA256_HEX_SIZE];
	int r = 0;

	if ((r = x509_load_all(t->path, ERR_USAGE, &certs, err)) ||
	    (r = x509_fingerprint(sk_X509_value(certs, 0), have, err)) ||
	    (r = x509_fingerprint_text(sk_X509_value(certs, 0), text, err)))
		return r;
	if (strcmp(have, hex) != 0)
		return err_set(err, ERR_VERIFY,
			       "the CA in '%.200s' is another one: its SHA-256 fingerprint is %s",
			       path, text);
	return check_chain(path, certs, err);
}

/* -- where it is -- */

static int add_beside(const char *file, struct strv *places, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = path_beside(file, CA_NAME, &path, err);

	if (r || access(path, R_OK) < 0 || strv_has(places, path))
		return r;
	return strv_add(places, path, err);
}

static int find_beside(const struct strv *files, char **ret, struct err *err)
{
	CLEANUP(strv_release) struct strv places = STRV_INIT;
	char self[PATH_MAX] = "";
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int r = 0;

	for (size_t i = 0; !r && files && i < files->count; i++)
		r = add_beside(files->items[i], &places, err);
	if (!r && len > 0)
		r = add_beside(self, &places, err);
	if (!r)
		r = add_beside(CA_NAME, &places, err);
	if (r)
		return r;
	if (!places.count)
		return err_set(err, ERR_USAGE,
			       "name the cluster's CA with --ca: this machine knows none yet, and "
			       "no " CA_NAME " lies beside the bundle");
	return str_dup(ret, places.items[0], err);
}

static int ask_fingerprint(const char *path, char ret_hex[SHA256_HEX_SIZE], struct err *err)
{
	CLEANUP(str_release) struct str line = STR_INIT;
	cleanup_free char *question = NULL;
	int r = str_printf(&question, err,
			   "The CA in '%.300s' is new to this machine.\nSHA-256 fingerprint of the "
			   "cluster's CA, as 'pgha-bundle keys init' printed it",
			   path);

	if (!r)
		r = passphrase_ask_line(question, &line, err);
	if (r == -ERR_USAGE)
		return err_set(err, ERR_USAGE,
			       "name the cluster's CA with --ca, or its fingerprint with "
			       "--ca-sha256: this machine knows none yet, and there is no terminal "
			       "to ask on");
	if (r == -ERR_CONFIG)
		return err_set(err, ERR_USAGE,
			       "no fingerprint was given: it comes on another way than the bundle, "
			       "or use --ca with a file that did");
	return r ? r : parse_fingerprint(line.buf, ret_hex, err);
}

/* What lies there is believed: nobody else may have put it there. */
static int check_place(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot read the CA '%.300s'", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
		return err_set(err, ERR_CONFIG,
			       "others may write to '%.200s': chown root and chmod 644 it", path);
	return 0;
}

int trust_find(const struct trust_source *from, struct trust *ret, struct err *err)
{
	cleanup_free char *found = NULL;
	char hex[SHA256_HEX_SIZE] = "";
	const char *path = from->ca;
	int r = from->sha256 ? parse_fingerprint(from->sha256, hex, err) : 0;

	if (r)
		return r;
	if (!path && !*hex && access(from->known, R_OK) == 0)
		path = from->known;
	if (!path && !*hex && access(from->place, F_OK) == 0) {
		path = from->place;
		r = check_place(path, err);
	}
	if (!r && !path) {
		r = find_beside(from->beside, &found, err);
		path = found;
		if (!r && !*hex)
			r = ask_fingerprint(path, hex, err);
	}
	if (!r)
		r = copy_file(path, ret, err);
	if (!r && *hex)
		r = check_fingerprint(path, ret, hex, err);
	return r;
}
