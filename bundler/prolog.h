/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands before an XML document's first element (XML 1.0, section 2.8). A document type may
 * define entities in itself, between '[' and ']', a few of which unpack to gigabytes, and metadata needs
 * none: that is found before a parser sees it. So is UTF-16, in which it would not be seen. A document
 * type that only names its DTD, as the one of every comps.xml does, is harmless: nothing is read from there.
 */
#ifndef PGHA_PROLOG_H
#define PGHA_PROLOG_H

#include <stdbool.h>
#include <stddef.h>

enum prolog_state {
	PROLOG_BETWEEN,
	PROLOG_TAG,     /* behind '<' */
	PROLOG_BANG,    /* behind "<!" */
	PROLOG_DASH,    /* behind "<!-" */
	PROLOG_COMMENT, /* until "-->" */
	PROLOG_TOLD,    /* a processing instruction, until "?>" */
	PROLOG_TYPE,    /* a document type, until '>' */
	PROLOG_OVER,
	PROLOG_REFUSED,
};

/* All zero at the start. */
struct prolog {
	enum prolog_state state;
	unsigned int dashes; /* before the present character, in a comment */
	bool question;       /* '?' before it */
	unsigned char quote; /* in a document type: what ends the present literal, or 0 */
};

/* Reads on in the SIZE bytes of DATA; false as soon as they are refused. */
bool prolog_read(struct prolog *prolog, const char *data, size_t size_bytes);

/* The words for it. */
#define PROLOG_REFUSED_TEXT \
	"it has a document type with entities, or is UTF-16: metadata has no use for either"

#endif
