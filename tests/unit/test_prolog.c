/* SPDX-License-Identifier: Apache-2.0 */
/* prolog.c: what may stand before a document's first element, in pieces of every size. */
#include "unit.h"

#include <string.h>

#include "prolog.h"

static bool read_in_pieces(const char *text, size_t size)
{
	struct prolog prolog = { .state = PROLOG_BETWEEN };
	size_t len = strlen(text);

	for (size_t at = 0; at < len; at += size)
		if (!prolog_read(&prolog, text + at, len - at < size ? len - at : size))
			return false;
	return true;
}

static void entities_are_refused_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		bool taken;
	} rows[] = {
		{ "<a/>", true },
		{ "\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- <!DOCTYPE a []> --><a/>", true },
		{ "<a><![CDATA[<!DOCTYPE a []>]]></a>", true },
		/* as it stands in every comps.xml */
		{ "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE comps\n  PUBLIC '-//Red "
		  "Hat, "
		  "Inc.//DTD Comps info//EN'\n  'comps.dtd'>\n<comps/>",
		  true },
		{ "<!DOCTYPE comps PUBLIC \"-//Red Hat, Inc.//DTD Comps info//EN\" "
		  "\"comps.dtd\">\n<comps/>",
		  true },
		{ "<!DOCTYPE a><a/>", true },
		{ "<!DOCTYPE a SYSTEM \">[<'\"><a/>", true },
		{ "<!DOCTYPE a []><a/>", false },
		{ "<!DOCTYPE a [<!ENTITY b \"c\">]><a/>", false },
		{ "<!DOCTYPE a SYSTEM 'x' [<!ENTITY b \"c\">]><a/>", false },
		{ "<!DOCTYPE a SYSTEM \">\" [<!ENTITY b \"c\">]><a/>", false },
		{ "<!DOCTYPE a SYSTEM \"'>\" [<!ENTITY b \"c\">]><a/>", false },
		{ "<!DOCTYPE a SYSTEM '\"' [<!ENTITY b '\"'>]><a/>", false },
		{ "<!DOCTYPE a><!DOCTYPE a [<!ENTITY b \"c\">]><a/>", false },
		{ "<!-- --><?a ?><!DOCTYPE a [<!ENTITY b \"c\">]><a/>", false },
		{ "<!DOCTYPE a <!ENTITY b \"c\">><a/>", false },
		{ "<!ENTITY b \"c\"><a/>", false },
		{ "\xff\xfe<", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t size = 1; size <= strlen(rows[i].text); size++) {
			if (read_in_pieces(rows[i].text, size) != rows[i].taken)
				fail_msg("'%s' in pieces of %zu", rows[i].text, size);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entities_are_refused_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
