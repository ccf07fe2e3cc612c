/* SPDX-License-Identifier: Apache-2.0 */
#include "prolog.h"

/* UTF-8's byte order mark is passed over: EF BB BF. Anything else is the parser's business. */
static enum prolog_state between(unsigned char c)
{
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0xef || c == 0xbb || c == 0xbf)
		return PROLOG_BETWEEN;
	return c == '<' ? PROLOG_TAG : PROLOG_OVER;
}

/* XML 1.0, rules 28 and 75: literals have any character but their quote, the rest has neither '<' nor '['. */
static enum prolog_state type(struct prolog *p, unsigned char c)
{
	if (p->quote)
		p->quote = c == p->quote ? 0 : p->quote;
	else if (c == '"' || c == '\'')
		p->quote = c;
	else if (c == '[' || c == '<')
		return PROLOG_REFUSED;
	else if (c == '>')
		return PROLOG_BETWEEN;
	return PROLOG_TYPE;
}

static enum prolog_state step(struct prolog *p, unsigned char c)
{
	unsigned int dashes = p->dashes;
	bool question = p->question;

	/* No XML but UTF-16 has these. */
	if (c == 0 || c >= 0xfe)
		return PROLOG_REFUSED;
	p->dashes = c == '-' ? dashes + 1 : 0;
	p->question = c == '?';
	switch (p->state) {
	case PROLOG_BETWEEN:
		return between(c);
	case PROLOG_TAG:
		p->question = false;
		return c == '?' ? PROLOG_TOLD : c == '!' ? PROLOG_BANG : PROLOG_OVER;
	case PROLOG_BANG:
		return c == '-' ? PROLOG_DASH : c == 'D' ? PROLOG_TYPE : PROLOG_REFUSED;
	case PROLOG_TYPE:
		return type(p, c);
	case PROLOG_DASH:
		p->dashes = 0;
		return c == '-' ? PROLOG_COMMENT : PROLOG_REFUSED;
	case PROLOG_COMMENT:
		return c == '>' && dashes >= 2 ? PROLOG_BETWEEN : PROLOG_COMMENT;
	case PROLOG_TOLD:
		return c == '>' && question ? PROLOG_BETWEEN : PROLOG_TOLD;
	default:
		return p->state;
	}
}

bool prolog_read(struct prolog *prolog, const char *data, size_t size_bytes)
{
	for (size_t i = 0; i < size_bytes && prolog->state < PROLOG_OVER; i++)
		prolog->state = step(prolog, (unsigned char)data[i]);
	return prolog->state != PROLOG_REFUSED;
}
