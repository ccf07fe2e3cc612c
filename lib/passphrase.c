/* SPDX-License-Identifier: Apache-2.0 */
#include "passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>

#include "cleanup.h"
#include "file.h"
#include "interrupt.h"

#define PASSPHRASE_MAX 1024 /* bytes */
#define FD_MAX 1023

size_t passphrase_length(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

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

/* ERR_USAGE or ERR_CONFIG for what can be said before a byte is read. */
static int check_stat(const char *path, const struct stat *st, struct err *err)
{
	if (S_ISDIR(st->st_mode))
		return err_set(err, ERR_USAGE, "the passphrase file '%.200s' is a directory", path);
	if (S_ISREG(st->st_mode) && (st->st_mode & 077))
		return err_set(err, ERR_CONFIG,
			       "the passphrase file '%.200s' can be read by others: chmod 600 it",
			       path);
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
	if ((r = check_stat(path, &st, err)) ||
	    (r = fd_read_all(fd, path, PASSPHRASE_MAX, ret, err)))
		return r;
	return take_line(ret, path, err);
}

/* What is no plain file gives its line once only: it is not opened. */
static int check_file(const char *path, struct err *err)
{
	CLEANUP(str_release) struct str text = STR_SECRET;
	struct stat st;
	int r = 0;

	if (stat(path, &st) < 0 || faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0)
		return err_errno(err, ERR_USAGE, errno, "cannot open the passphrase file '%.200s'",
				 path);
	r = check_stat(path, &st, err);
	return r || !S_ISREG(st.st_mode) ? r : read_file(path, &text, err);
}

/* Byte by byte: what stands behind the line is somebody else's. */
static int read_line(int fd, const char *name, struct str *ret, struct err *err)
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
	if (!r)
		r = str_check(ret, err);
	return r ? r : take_line(ret, name, err);
}

static int parse_fd(const char *number, int *ret_fd, struct err *err)
{
	struct err why = ERR_INIT;
	uint64_t fd = 0;

	if (str_u64(&fd, number, 0, FD_MAX, &why) < 0)
		return err_set(err, ERR_USAGE,
			       "the passphrase's descriptor is a number from 0 to %d, not '%.80s'",
			       FD_MAX, number);
	*ret_fd = (int)fd;
	return 0;
}

static int check_open(int fd, struct err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return err_set(err, ERR_USAGE,
			       "the passphrase's descriptor %d is not open: the shell opens it "
			       "with %d<FILE",
			       fd, fd);
	if ((flags & O_ACCMODE) == O_WRONLY || (flags & O_PATH))
		return err_set(err, ERR_USAGE,
			       "the passphrase's descriptor %d is not open for reading: the shell "
			       "opens it with %d<FILE",
			       fd, fd);
	return 0;
}

/* A descriptor that is closed on exec is one of ours: the caller's parent has opened none here. */
static int check_fd(const char *number, struct err *err)
{
	int fd = -1;
	int flags = 0;
	int r = parse_fd(number, &fd, err);

	if (r < 0)
		return r;
	flags = fcntl(fd, F_GETFD);
	if (flags >= 0 && (flags & FD_CLOEXEC))
		return err_set(err, ERR_USAGE,
			       "the passphrase's descriptor %d is not open: the shell opens it "
			       "with %d<FILE",
			       fd, fd);
	if ((r = check_open(fd, err)))
		return r;
	if (fd > STDERR_FILENO)
		fcntl(fd, F_SETFD, FD_CLOEXEC); /* it is for us and not for our children */
	return 0;
}

static int read_fd(const char *number, struct str *ret, struct err *err)
{
	int fd = -1;
	int r = 0;

	if ((r = parse_fd(number, &fd, err)) || (r = check_open(fd, err)))
		return r;
	if (fd > STDERR_FILENO)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return read_line(fd, "the passphrase's descriptor", ret, err);
}

static int ask(const char *question, const char *what, const char *option, struct str *ret,
	       struct err *err)
{
	cleanup_close int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
	struct termios old;
	struct termios silent;
	int r = 0;

	if (fd < 0 || tcgetattr(fd, &old) < 0)
		return err_set(err, ERR_USAGE,
			       "no terminal to ask for the passphrase of '%.200s': use %s", what,
			       option);
	silent = old;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(fd, TCSAFLUSH, &silent) < 0)
		return err_errno(err, ERR_FAILED, errno, "cannot silence the terminal");
	/* Not before: who answers at once would see the answer, and lose it. */
	dprintf(fd, "%s %s: ", question, what);
	r = read_line(fd, "the terminal's line", ret, err);
	tcsetattr(fd, TCSAFLUSH, &old);
	dprintf(fd, "\n");
	return r;
}

int passphrase_ask_line(const char *question, struct str *ret, struct err *err)
{
	cleanup_close int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_set(err, ERR_USAGE, "no terminal to ask for: %.200s", question);
	dprintf(fd, "%s: ", question);
	return read_line(fd, "the terminal's line", ret, err);
}

static bool from_terminal(const struct passphrase_source *from)
{
	return !from->file && !from->fd;
}

static const char *option_of(const struct passphrase_source *from)
{
	return from->option ? from->option : "--passphrase-file";
}

static int check_one(const struct passphrase_source *from, const char *what, struct err *err)
{
	if (from->file && from->fd)
		return err_set(err, ERR_USAGE,
			       "the passphrase of '%.200s' can come from a file or from a "
			       "descriptor, not from both",
			       what);
	return 0;
}

int passphrase_check(const struct passphrase_source *from, const char *what, struct err *err)
{
	int r = check_one(from, what, err);

	if (r == 0 && from->file)
		r = check_file(from->file, err);
	if (r == 0 && from->fd)
		r = check_fd(from->fd, err);
	return r;
}

void passphrase_advice(const struct passphrase_source *from, char *buf, size_t size)
{
	snprintf(buf, size, "run this again with the one that the file was encrypted with (%s)",
		 option_of(from));
}

int passphrase_read(const struct passphrase_source *from, const char *what, struct str *ret,
		    struct err *err)
{
	int r = check_one(from, what, err);

	if (r < 0)
		return r;
	if (from->file)
		return read_file(from->file, ret, err);
	if (from->fd)
		return read_fd(from->fd, ret, err);
	return ask("Passphrase of", what, option_of(from), ret, err);
}

int passphrase_read_new(const struct passphrase_source *from, const char *what, size_t min_chars,
			struct str *ret, struct err *err)
{
	CLEANUP(str_release) struct str again = STR_SECRET;
	int r = from_terminal(from) ? ask("New passphrase of", what, option_of(from), ret, err)
				    : passphrase_read(from, what, ret, err);

	if (r == 0 && passphrase_length(ret->buf) < min_chars)
		return err_set(err, ERR_CONFIG,
			       "the passphrase of '%.200s' is shorter than %zu characters", what,
			       min_chars);
	if (r < 0 || !from_terminal(from))
		return r;
	r = ask("Again, the passphrase of", what, option_of(from), &again, err);
	if (r == 0 && strcmp(ret->buf, again.buf) != 0)
		r = err_set(err, ERR_USAGE, "the two passphrases of '%.200s' differ", what);
	return r;
}
