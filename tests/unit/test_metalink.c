/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "metalink.h"
#include "str.h"

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B64 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C64 "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define HEAD                                                              \
	"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"                    \
	"<metalink version=\"3.0\" xmlns=\"http://www.metalinker.org/\" " \
	"xmlns:mm0=\"http://fedorahosted.org/mirrormanager\">\n"          \
	"<files>"
#define TAIL "</files></metalink>\n"
#define HASH(type, value) "<hash type=\"" type "\">" value "</hash>"
#define FILE_OF(hashes, rest) \
	"<file name=\"repomd.xml\"><verification>" hashes "</verification>" rest "</file>"

static void what_mirrormanager_serves_is_read(void **state)
{
	/* The outline of what Fedora's and EPEL's servers give. */
	static const char text[] = HEAD
		"<file name=\"repomd.xml\">\n"
		"<mm0:timestamp>1381706941</mm0:timestamp>\n"
		"<size>4761</size>\n"
		"<verification>" HASH("md5", "0ffcd7798421c9a6760f3e4202cc4675") HASH(
			"sha1", "d28e40ca29b3b1d1e2976610e8858f976b06f02e") HASH("sha256",
										 "\n " A64 "\n")
			HASH("sha512",
			     A64 A64) "</verification>\n"
				      "<mm0:alternates>"
				      "<mm0:alternate><mm0:timestamp>1381000000</"
				      "mm0:timestamp><size>4000</size>"
				      "<verification>" HASH(
					      "sha256",
					      B64) "</verification></mm0:alternate>"
						   "<mm0:alternate><mm0:timestamp>1381500000</"
						   "mm0:timestamp>"
						   "<verification>" HASH(
							   "sha256",
							   C64) "</verification></mm0:alternate>"
								"<mm0:alternate><mm0:timestamp>"
								"1381600000</mm0:timestamp>"
								"<verification>" HASH(
									"md5",
									"0c5b64d395d5364633df7c8e97"
									"a07fd6") "</verification>"
										  "</"
										  "mm0:alternate></"
										  "mm0:alternates>"
										  "<resources "
										  "maxconnections="
										  "\"1\">\n"
										  "<url "
										  "protocol="
										  "\"rsync\" "
										  "type=\"rsync\" "
										  "location=\"GB\" "
										  "preference="
										  "\"99\" >"
										  "rsync://r/"
										  "repodata/"
										  "repomd.xml</"
										  "url>\n"
										  "<url "
										  "protocol="
										  "\"https\" "
										  "preference="
										  "\"98\"> "
										  "https://m/"
										  "a&amp;b/"
										  "repodata/"
										  "repomd.xml\n"
										  "</url><url "
										  "preference="
										  "\"101\">http://"
										  "n/repodata/"
										  "repomd.xml</url>"
										  "</resources></"
										  "file>"
										  "<file "
										  "name=\"repomd."
										  "xml.asc\"><"
										  "resources><url>"
										  "http://no/</"
										  "url></"
										  "resources></"
										  "file>" TAIL;
	CLEANUP(metalink_release) struct metalink m = METALINK_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(metalink_parse(text, strlen(text), &m, &err));
	assert_int_equal(m.digest_count, 3);
	assert_string_equal(m.digests[0].sha256, A64);
	assert_int_equal(m.digests[0].size_bytes, 4761);
	assert_int_equal(m.digests[0].timestamp, 1381706941);
	assert_string_equal(m.digests[1].sha256, C64);
	assert_int_equal(m.digests[1].size_bytes, 0);
	assert_string_equal(m.digests[2].sha256, B64);
	assert_int_equal(m.url_count, 3);
	assert_string_equal(m.urls[0].url, "rsync://r/repodata/repomd.xml");
	assert_int_equal(m.urls[0].preference, 99);
	assert_string_equal(m.urls[1].url, "https://m/a&b/repodata/repomd.xml");
	assert_int_equal(m.urls[2].preference, 0);
}

static void what_is_wrong_is_refused_and_says_why(void **state)
{
	static const struct {
		const char *text;
		const char *says;
	} cases[] = {
		{ "", "no element found" },
		{ "https://mirror/\n", "not well-formed" },
		{ "<html><body>log in first</body></html>", "line 1: this is no metalink" },
		{ "<metalink/>", "not about a file 'repomd.xml'" },
		{ "<metalink><files><file name=\"repomd.xml\">", "no element found" },
		{ HEAD "<file name=\"primary.xml\"><verification>" HASH(
			  "sha256", A64) "</verification></file>" TAIL,
		  "not about a file 'repomd.xml'" },
		{ HEAD "<file><verification>" HASH("sha256", A64) "</verification></file>" TAIL,
		  "not about a file 'repomd.xml'" },
		{ HEAD FILE_OF("", "") TAIL, "gives no SHA-256" },
		{ HEAD FILE_OF(HASH("md5", "0c5b64d395d5364633df7c8e97a07fd6")
				       HASH("sha1", "d28e40ca29b3b1d1e2976610e8858f976b06f02e"),
			       "") TAIL,
		  "gives no SHA-256" },
		{ HEAD FILE_OF("", "<mm0:alternates><mm0:alternate><verification>" HASH(
					   "sha256", A64) "</verification></mm0:alternate>"
							  "</mm0:alternates>") TAIL,
		  "gives no SHA-256" },
		{ HEAD FILE_OF("<hash>" A64 "</hash>", "") TAIL, "gives no SHA-256" },
		{ HEAD FILE_OF(HASH("sha256", "abc"), "") TAIL, "64 hexadecimal digits" },
		{ HEAD FILE_OF(HASH("sha256", A64) HASH("sha256", B64), "") TAIL, "two different" },
		{ HEAD FILE_OF(HASH("sha256", A64), "") FILE_OF(HASH("sha256", B64), "") TAIL,
		  "'repomd.xml' stands twice" },
		{ HEAD FILE_OF(HASH("sha256", A64), "<size>-1</size>") TAIL,
		  "line 3: a number is expected" },
		{ HEAD FILE_OF(HASH("sha256", A64), "<size>99999999999999999999</size>") TAIL,
		  "a number is expected" },
		/* Entities, inner and outer ones. */
		{ "<?xml version=\"1.0\"?><!DOCTYPE metalink [<!ENTITY a \"ha\">"
		  "<!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
		  "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]>"
		  "<metalink>&c;</metalink>",
		  "document type" },
		{ "<!DOCTYPE metalink SYSTEM \"file:///etc/passwd\"><metalink/>", "document type" },
		{ "<metalink>&x;</metalink>", "undefined entity" },
		{ "<metalink><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"
		  "<a><a><a><a><a><a><a><a><a><a><a><a>",
		  "nested too deep" },
		{ "<?xml version=\"1.0\" encoding=\"utf-7\"?><metalink/>", "encoding" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(metalink_release) struct metalink m = METALINK_INIT;
		struct err err = ERR_INIT;

		if (metalink_parse(cases[i].text, strlen(cases[i].text), &m, &err) != -ERR_VERIFY ||
		    !strstr(err.msg, cases[i].says))
			fail_msg("case %zu: wanted '%s', got '%s'", i, cases[i].says, err.msg);
	}
}

static void a_value_has_a_limit(void **state)
{
	CLEANUP(metalink_release) struct metalink m = METALINK_INIT;
	CLEANUP(str_release) struct str text = STR_INIT;
	struct err err = ERR_INIT;

	(void)state;
	str_add(&text, HEAD "<file name=\"repomd.xml\"><resources><url>http://h/");
	for (size_t i = 0; i < 5000; i++)
		str_addc(&text, 'a');
	str_add(&text, "</url></resources></file>" TAIL);
	assert_fails(ERR_VERIFY, metalink_parse(text.buf, text.len, &m, &err));
	assert_contains(err.msg, "a value is too long");
}

/* Every way of cutting it off, and of losing a byte, ends in an answer or an error. */
static void no_damage_goes_unnoticed_or_crashes(void **state)
{
	static const char text[] = HEAD FILE_OF(
		HASH("sha256", A64), "<size>7</size><resources><url preference=\"9\">https://m/"
				     "repodata/repomd.xml</url></resources>") TAIL;
	size_t len = strlen(text);

	(void)state;
	for (size_t i = 0; i < len - 1; i++) {
		CLEANUP(metalink_release) struct metalink m = METALINK_INIT;
		struct err err = ERR_INIT;

		/* Without its last '>' and line end it is no document. */
		if (i < len - 2)
			assert_int_equal(metalink_parse(text, i, &m, &err), -ERR_VERIFY);
	}
	for (size_t i = 0; i < len; i++) {
		CLEANUP(metalink_release) struct metalink m = METALINK_INIT;
		struct err err = ERR_INIT;
		char copy[sizeof(text)];

		memcpy(copy, text, len);
		copy[i] ^= 0x15;
		if (metalink_parse(copy, len, &m, &err) == 0)
			assert_int_equal(m.digest_count, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_mirrormanager_serves_is_read),
		cmocka_unit_test(what_is_wrong_is_refused_and_says_why),
		cmocka_unit_test(a_value_has_a_limit),
		cmocka_unit_test(no_damage_goes_unnoticed_or_crashes),
	};

	return RUN_TESTS(tests);
}
