/* SPDX-License-Identifier: Apache-2.0 */
#include "unlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>

#include "capsule.h"
#include "cleanup.h"
#include "cms.h"
#include "file.h"
#include "interrupt.h"
#include "pkcs8.h"

#define PASSPHRASE_MAX 1024    /* bytes */
#define SEALED_MAX (16U << 20) /* bytes of a key file or capsule */

/* The first line is the passphrase. */
static int take_line(struct str *text, const char *name, struct err *err)
{
	size_t len = text->buf ? strcspn(text->buf, "\r\n") : 0;

	if (!len)
		return err_set(err, ERR_CONFIG, "'%.200s' holds no passphrase", name);
	text->buf[len] = '\0';
	text->len = len;
	return 0;
}

static int read_file(const char *path, struct str *ret, struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open the passphrase file '%.200s'",
				 path);
	if (S_ISREG(st.st_mode) && (st.st_mode & 077))
		return err_set(err, ERR_CONFIG,
			       "the passphrase file '%.200s' can be read by others: chmod 600 it",
			       path);
	r = fd_read_all(fd, path, PASSPHRASE_MAX, ret, err);
	return r ? r : take_line(ret, path, err);
}

static int read_terminal(int fd, struct str *ret, struct err *err)
{
	int r = 0;

	while (!r && (!ret->len || ret->buf[ret->len - 1] != '\n')) {
		char c = 0;
		ssize_t n = read(fd, &c, 1);

		if (n == 1)
			str_addc(ret, c);
		else if (n == 0)
			break;
		else if (errno != EINTR)
			r = err_errno(err, ERR_FAILED, errno, "cannot read the passphrase");
		if (!r)
			r = interrupt_check(err);
		if (!r && ret->len > PASSPHRASE_MAX)
			r = err_set(err, ERR_USAGE, "the passphrase is too long");
	}
	return r ? r : str_check(ret, err);
}

static int ask(const char *node, struct str *ret, struct err *err)
{
	cleanup_close int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	struct termios old;
	struct termios silent;
	int r = 0;

	if (fd < 0 || tcgetattr(fd, &old) < 0)
		return err_set(err, ERR_USAGE,
			       "no terminal to ask for the passphrase of '%s': use "
			       "--passphrase-file",
			       node);
	silent = old;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	dprintf(fd, "Passphrase of %s: ", node);
	if (tcsetattr(fd, TCSAFLUSH, &silent) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot silence the terminal");
	r = read_terminal(fd, ret, err);
	tcsetattr(fd, TCSAFLUSH, &old);
	dprintf(fd, "\n");
	return r ? r : take_line(ret, "the terminal's line", err);
}

/* The staged nodes/NODE.SUFFIX. */
static int read_sealed(const struct install *in, const char *suffix, char **ret_name,
		       char **ret_data, size_t *ret_size, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = 0;

	if ((r = str_printf(ret_name, err, "nodes/%s.%s", in->node, suffix)))
		return r;
	if (!index_find(&in->index, *ret_name))
		return err_set(err, ERR_VERIFY, "the bundle holds no '%s'", *ret_name);
	r = str_printf(&path, err, "%s/%s", in->staging, *ret_name);
	return r ? r : file_read(path, SEALED_MAX, ERR_FAILED, ret_data, ret_size, err);
}

static int open_capsule(struct install *in, EVP_PKEY *key, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_SECRET;
	struct capsule capsule = CAPSULE_INIT;
	cleanup_free char *name = NULL;
	cleanup_free char *data = NULL;
	size_t size = 0;
	int r = 0;

	if ((r = read_sealed(in, "cms", &name, &data, &size, err)))
		return r;
	if ((r = cms_open(data, size, key, &text, err)))
		return err_prefix(err, "'%s'", name);
	if ((r = capsule_parse(name, text.buf ? text.buf : "", text.len, &capsule, err)))
		return r;
	if (strcmp(capsule.node, in->node) != 0 ||
	    strcmp(capsule.cluster, in->index.cluster) != 0) {
		capsule_release(&capsule);
		return err_set(err, ERR_VERIFY, "'%s' was sealed for another node or cluster",
			       name);
	}
	in->capsule = malloc(sizeof(*in->capsule));
	if (!in->capsule) {
		capsule_release(&capsule);
		return err_nomem(err);
	}
	*in->capsule = capsule;
	return 0;
}

int unlock_capsule(struct install *in, struct err *err)
{
	CLEANUP(str_release) struct str passphrase = STR_SECRET;
	CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = NULL;
	cleanup_free char *name = NULL;
	cleanup_free char *data = NULL;
	size_t size = 0;
	int r = 0;

	if ((r = read_sealed(in, "key", &name, &data, &size, err)) ||
	    (r = in->passphrase_path ? read_file(in->passphrase_path, &passphrase, err)
				     : ask(in->node, &passphrase, err)) ||
	    (r = pkcs8_decrypt(name, data, size, passphrase.buf, &key, err)))
		return r;
	return open_capsule(in, key, err);
}
