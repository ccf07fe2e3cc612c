/* SPDX-License-Identifier: Apache-2.0 */
#include "err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	err->detail[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	return -(int)code;
}

int err_errno(struct err *err, enum err_code code, int errnum, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	if (errnum == ENOSPC || errnum == EDQUOT || errnum == EROFS)
		code = ERR_HOST;
	if (errnum == EINTR)
		code = ERR_INTERRUPTED; /* who can go on after a signal does not come here */
	err->code = code;
	err->detail[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", strerror(errnum));
	return -(int)code;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
	char old[sizeof(err->msg)];
	va_list ap;
	size_t len;

	memcpy(old, err->msg, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	va_end(ap);
	len = strlen(err->msg);
	snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", old);
	return -(int)err->code;
}

void err_detail(struct err *err, const char *fmt, ...)
{
	size_t len = strlen(err->detail);
	size_t room = sizeof(err->detail) - len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(err->detail + len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n + 2 > room) {
		err->detail[len] = '\0';
		return;
	}
	/* Who names a package may not end our lines. */
	for (char *p = err->detail + len; *p; p++)
		if (*p == '\n')
			*p = ' ';
	memcpy(err->detail + len + n, "\n", 2);
}

int err_nomem(struct err *err)
{
	return err_set(err, ERR_HOST, "out of memory");
}
