/* SPDX-License-Identifier: Apache-2.0 */
#include "weakness.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define LENGTH_MAX 128   /* a longer password is not looked at for words */
#define OTHERS_ENOUGH 20 /* so many digits and marks are not there for show */

/* Defaults and first guesses, English and French, letters alone. */
static const char *const words[] = {
	"abc",
	"abcd",
	"abcdef",
	"abcdefgh",
	"access",
	"admin",
	"administrateur",
	"administrator",
	"api",
	"app",
	"application",
	"asdf",
	"asdfgh",
	"asdfghjkl",
	"autumn",
	"azerty",
	"azertyuiop",
	"backup",
	"bar",
	"baseball",
	"batman",
	"baz",
	"bienvenue",
	"bonjour",
	"centos",
	"change",
	"changeit",
	"changeme",
	"changethis",
	"chouchou",
	"client",
	"cluster",
	"company",
	"database",
	"debian",
	"default",
	"defaut",
	"demo",
	"dev",
	"development",
	"doudou",
	"dragon",
	"dummy",
	"empty",
	"example",
	"exemple",
	"fixme",
	"foo",
	"foobar",
	"football",
	"france",
	"guest",
	"hello",
	"hiver",
	"iloveyou",
	"invite",
	"key",
	"letmein",
	"linux",
	"local",
	"localhost",
	"login",
	"loulou",
	"love",
	"manager",
	"mariadb",
	"marseille",
	"master",
	"mdp",
	"mongo",
	"mongodb",
	"monkey",
	"motdepasse",
	"mysql",
	"new",
	"none",
	"null",
	"old",
	"opensesame",
	"oracle",
	"paris",
	"pass",
	"passphrase",
	"passw",
	"passwd",
	"password",
	"passwort",
	"please",
	"postgre",
	"postgres",
	"postgresql",
	"preprod",
	"primary",
	"princess",
	"princesse",
	"private",
	"prod",
	"production",
	"pwd",
	"qsdf",
	"qsdfgh",
	"qwerty",
	"qwertyuiop",
	"qwertz",
	"redhat",
	"replace",
	"replica",
	"replication",
	"replicator",
	"rewind",
	"root",
	"sample",
	"secret",
	"secure",
	"security",
	"server",
	"serveur",
	"service",
	"sesame",
	"shadow",
	"soleil",
	"spring",
	"sql",
	"staging",
	"standby",
	"strong",
	"summer",
	"sunshine",
	"super",
	"superman",
	"supersecret",
	"superuser",
	"system",
	"systeme",
	"temp",
	"temporary",
	"test",
	"tester",
	"testing",
	"this",
	"tmp",
	"todo",
	"token",
	"toor",
	"topsecret",
	"trustno",
	"ubuntu",
	"user",
	"username",
	"vault",
	"welcome",
	"winter",
	"world",
	"wxcvbn",
	"zxcvbn",
	"zxcvbnm",
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_letter(char c)
{
	return (lower(c) >= 'a' && lower(c) <= 'z') || (c & 0x80);
}

/* Does C stand for the letter WANTED? */
static bool means(char c, char wanted)
{
	static const char from[] = "0345$7@", to[] = "oeassta";
	const char *at = strchr(from, c);

	if (c == '1' || c == '!')
		return wanted == c || wanted == 'i' || wanted == 'l';
	return lower(c) == wanted || (c && at && to[at - from] == wanted);
}

/* How long the first LEN bytes of WORD are where TEXT begins with their letters and digits; else 0. */
static size_t begins_with(const char *text, const char *word, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		if (strchr("_-. ", word[i]))
			continue;
		if (!text[at] || !means(text[at], lower(word[i])))
			return 0;
		at++;
	}
	return at;
}

/* NAME and its parts, two for "BASE_ROOT", are words too; marks the places behind them. */
static void reach_by_name(const char *text, const char *name, bool *reached)
{
	/* One letter by itself is no word: two such names would make up most of a password. */
	if (strlen(name) >= 2)
		reached[begins_with(text, name, strlen(name))] = true;
	while (*name) {
		size_t len = strcspn(name, "_-. ");

		if (len >= 2)
			reached[begins_with(text, name, len)] = true;
		name += len + (name[len] != '\0');
	}
}

/* Is PASSWORD one such word after the other, with or without something between? */
static bool is_words(const char *password, const struct strv *names)
{
	bool reached[LENGTH_MAX + 1] = { true };
	size_t len = strlen(password), others = 0;

	if (len > LENGTH_MAX)
		return false;
	for (size_t at = 0; at < len; at++) {
		others += !is_letter(password[at]);
		if (!reached[at])
			continue;
		if (!is_letter(password[at]))
			reached[at + 1] = true;
		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
			reached[at + begins_with(password + at, words[i], strlen(words[i]))] = true;
		for (size_t i = 0; i < names->count; i++)
			reach_by_name(password + at, names->items[i], reached + at);
	}
	return reached[len] && others < OTHERS_ENOUGH;
}

static size_t distinct(const char *password)
{
	bool seen[256] = { false };
	size_t count = 0;

	for (; *password; password++) {
		count += !seen[(unsigned char)*password];
		seen[(unsigned char)*password] = true;
	}
	return count;
}

/* "12345678abcdefgh": most characters are the neighbour of the one before, or that one again. */
static bool is_sequence(const char *password)
{
	size_t len = strlen(password), steps = 0;

	for (size_t i = 1; i < len; i++)
		steps += abs(password[i] - password[i - 1]) <= 1;
	return steps * 2 > len;
}

const char *weakness(const char *password, const struct strv *names)
{
	size_t len = strlen(password);

	if (len < WEAKNESS_CHARS_MIN)
		return "is too short: 12 characters at least";
	if (distinct(password) < WEAKNESS_DISTINCT_MIN)
		return "is too weak: it has hardly any different characters";
	if (is_sequence(password))
		return "is too weak: it is a sequence";
	if (strspn(password, "0123456789") == len && len < OTHERS_ENOUGH)
		return "is too weak: digits alone must be 20";
	if (is_words(password, names))
		return "is too weak: it is made of names and words that are tried first";
	return NULL;
}
