/* SPDX-License-Identifier: Apache-2.0 */
/* A .env as the manifests describe it. */
#include <openssl/rand.h>
#include <string.h>

#include "dotenv.h"
#include "secrets.h"

#define COLUMNS 100
#define PASSWORD_CHARS 32 /* of 62: 190 bits */

static const char head[] =
	"# Réglages du cluster, d'après les manifestes de ses services. Mode 0600, jamais sous "
	"Git.\n"
	"# Settings of the cluster, from its services' manifests. Mode 0600, never under version "
	"control.\n"
	"#\n"
	"# « pgha-bundle secrets init » écrit ce fichier avec des mots de passe tirés au hasard ; "
	"chacun\n"
	"# est obligatoire, différent de tous les autres, et n'a pas de valeur par défaut.\n"
	"# \"pgha-bundle secrets init\" writes this file with random passwords; each one is "
	"mandatory,\n"
	"# different from all others, and has no default.\n"
	"# Tout le reste a la valeur par défaut montrée ici.\n"
	"# Everything else defaults to what is shown here.\n";

/* Characters of TEXT's first LEN bytes, which are UTF-8. */
static size_t width(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

/* TEXT as a comment, a line end instead of a blank where it would be too long. */
static void add_comment(struct str *ret, const char *text)
{
	size_t column = 1;

	str_addc(ret, '#');
	while (*text) {
		size_t len = strcspn(text, " ");
		size_t chars = width(text, len);

		if (column > 1 && column + 1 + chars > COLUMNS) {
			str_add(ret, "\n#");
			column = 1;
		}
		str_addc(ret, ' ');
		str_add_len(ret, text, len);
		column += 1 + chars;
		text += len + (text[len] == ' ');
	}
	str_addc(ret, '\n');
}

static void add_heading(struct str *ret, const char *service)
{
	str_addf(ret, "\n# --- %s ", service);
	for (size_t i = strlen(service) + 7; i < COLUMNS; i++)
		str_addc(ret, '-');
	str_addc(ret, '\n');
}

static int add_value(struct str *ret, const struct context_declaration *d, bool fill,
		     struct err *err)
{
	int r = 0;

	/* What may stay empty is shown, and not set. */
	str_addf(ret, "%s%s=", d->fallback && !*d->fallback ? "#" : "", d->name);
	if (d->fallback)
		dotenv_add_value(ret, d->fallback);
	else if (d->secret && fill)
		r = secrets_random(ret, err);
	str_addc(ret, '\n');
	return r;
}

static int add_service(const struct secrets *s, const struct service *service, bool fill,
		       struct str *ret, struct err *err)
{
	const struct service_help *last = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->declared.count; i++) {
		const struct context_declaration *d = &s->declared.items[i];

		if (d->service != service || !d->wanted)
			continue;
		if (!last)
			add_heading(ret, service->name);
		/* A port that each node has its own of is explained once. */
		if (d->help != last) {
			str_addc(ret, '\n');
			add_comment(ret, d->help->fr);
			add_comment(ret, d->help->en);
		}
		last = d->help;
		r = add_value(ret, d, fill, err);
	}
	return r;
}

static int check_described(const struct secrets *s, struct err *err)
{
	size_t count = 0;

	for (size_t i = 0; i < s->declared.count; i++) {
		const struct context_declaration *d = &s->declared.items[i];

		if (d->help->fr || !d->wanted)
			continue;
		if (count++ == 0)
			err_set(err, ERR_CONFIG,
				"%s: variable '%s' has no description: give it "
				"'help: {fr: …, en: …}'",
				d->service->file, d->name);
		else
			err_detail(err, "and '%s' (service '%s')", d->name, d->service->name);
	}
	return count ? -ERR_CONFIG : 0;
}

int secrets_text(const struct secrets *s, bool fill, struct str *ret, struct err *err)
{
	int r = check_described(s, err);

	str_add(ret, head);
	for (size_t i = 0; r == 0 && i < s->manifest->count; i++)
		r = add_service(s, s->manifest->services[i], fill, ret, err);
	return r < 0 ? r : str_check(ret, err);
}

int secrets_random(struct str *ret, struct err *err)
{
	static const char chars[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const unsigned int letters = 52, all = sizeof(chars) - 1;
	size_t count = 0;

	while (count < PASSWORD_CHARS) {
		unsigned int among = count ? all : letters;
		unsigned char byte = 0;

		if (RAND_bytes(&byte, 1) != 1)
			return err_set(err, ERR_FAILED, "OpenSSL has no random numbers");
		/* The same chance for each: what is left above a multiple is drawn again. */
		if (byte >= 256 / among * among)
			continue;
		str_addc(ret, chars[byte % among]);
		count++;
		secret_cleanse(&byte, sizeof(byte));
	}
	return str_check(ret, err);
}
