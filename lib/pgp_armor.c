/* SPDX-License-Identifier: Apache-2.0 */
/* ASCII armor, RFC 4880 section 6. */
#include <string.h>

#include "cleanup.h"
#include "pgp_packet.h"

#define BEGIN_KEY "-----BEGIN PGP PUBLIC KEY BLOCK-----"
#define END_KEY "-----END PGP PUBLIC KEY BLOCK-----"
#define BEGIN_SIGNATURE "-----BEGIN PGP SIGNATURE-----"
#define END_SIGNATURE "-----END PGP SIGNATURE-----"
#define LINE_BYTES 48 /* of data in a line of 64 characters */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Section 6.1. */
static uint32_t crc24(const uint8_t *data, size_t size)
{
	uint32_t crc = 0xb704ce;

	while (size--) {
		crc ^= (uint32_t)*data++ << 16;
		for (int i = 0; i < 8; i++)
			crc = (crc << 1) ^ ((crc & 0x800000) ? 0x1864cfb : 0);
	}
	return crc & 0xffffff;
}

/* The next line of REST without its end and trailing blanks; false at the end. */
static bool take_line(struct pgp_bytes *rest, struct pgp_bytes *ret)
{
	const uint8_t *end = NULL;
	size_t n;

	if (rest->size == 0)
		return false;
	end = memchr(rest->data, '\n', rest->size);
	n = end ? (size_t)(end - rest->data) : rest->size;
	*ret = (struct pgp_bytes){ .data = rest->data, .size = n };
	rest->data += n + (end ? 1 : 0);
	rest->size -= n + (end ? 1 : 0);
	while (ret->size && strchr("\r \t", ret->data[ret->size - 1]) && ret->data[ret->size - 1])
		ret->size--;
	return true;
}

static bool line_is(struct pgp_bytes line, const char *text)
{
	return line.size == strlen(text) && memcmp(line.data, text, line.size) == 0;
}

/* One line of base64, a multiple of four characters; RET holds 3/4 of its size. */
static bool decode_line(struct pgp_bytes line, uint8_t *ret, size_t *ret_size)
{
	size_t n = 0;

	if (line.size % 4 != 0)
		return false;
	for (size_t i = 0; i < line.size; i += 4) {
		uint32_t v = 0;
		size_t pad = 0;

		for (size_t k = 0; k < 4; k++) {
			uint8_t c = line.data[i + k];
			const char *at = c ? strchr(alphabet, c) : NULL;

			if (c == '=' && k >= 2 && i + 4 == line.size)
				pad++;
			else if (!at || pad)
				return false;
			v = v << 6 | (at ? (uint32_t)(at - alphabet) : 0);
		}
		ret[n++] = (uint8_t)(v >> 16);
		if (pad < 2)
			ret[n++] = (uint8_t)(v >> 8);
		if (pad < 1)
			ret[n++] = (uint8_t)v;
	}
	*ret_size = n;
	return true;
}

/* What follows a BEGIN line, to END_LINE. Lines may have any length up to 1000. */
static bool decode_block(struct pgp_bytes *rest, const char *end_line, struct str *out)
{
	struct pgp_bytes line;
	uint8_t buf[768], sum[3];
	size_t start = out->len, n = 0;
	bool summed = false, ended = false;

	while (take_line(rest, &line) && line.size) /* headers, and the empty line after them */
		if (!memchr(line.data, ':', line.size))
			return false;
	while (take_line(rest, &line)) {
		if (line_is(line, end_line)) {
			ended = true;
			break;
		}
		if (line.size == 0)
			continue;
		if (summed || line.size > 1000)
			return false;
		if (line.size == 5 && line.data[0] == '=') {
			line = (struct pgp_bytes){ .data = line.data + 1, .size = 4 };
			if (!decode_line(line, sum, &n) || n != 3)
				return false;
			summed = true;
		} else if (decode_line(line, buf, &n)) {
			str_add_len(out, buf, n);
		} else {
			return false;
		}
	}
	if (!ended || out->failed || out->len == start)
		return false;
	return !summed || crc24((const uint8_t *)out->buf + start, out->len - start) ==
				  ((uint32_t)sum[0] << 16 | (uint32_t)sum[1] << 8 | sum[2]);
}

/* Every block between the two lines; NOUN says what it holds. */
static int dearmor(const char *name, struct pgp_bytes text, const char *begin_line,
		   const char *end_line, const char *noun, struct str *out, struct err *err)
{
	struct pgp_bytes line;
	unsigned int blocks = 0;

	while (take_line(&text, &line)) {
		if (!line_is(line, begin_line))
			continue;
		if (!decode_block(&text, end_line, out))
			return err_set(err, ERR_VERIFY, "%s: block %u is no well-formed armored %s",
				       name, blocks + 1, noun);
		blocks++;
	}
	if (blocks == 0)
		return err_set(err, ERR_VERIFY, "%s: no OpenPGP %s in it", name, noun);
	return str_check(out, err);
}

int pgp_dearmor(const char *name, struct pgp_bytes text, struct str *out, struct err *err)
{
	return dearmor(name, text, BEGIN_KEY, END_KEY, "public key", out, err);
}

int pgp_dearmor_signature(const char *name, struct pgp_bytes text, struct str *out, struct err *err)
{
	return dearmor(name, text, BEGIN_SIGNATURE, END_SIGNATURE, "signature", out, err);
}

static void encode(struct str *out, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i += 3) {
		uint32_t v = (uint32_t)data[i] << 16;

		if (i + 1 < size)
			v |= (uint32_t)data[i + 1] << 8;
		if (i + 2 < size)
			v |= data[i + 2];
		str_addc(out, alphabet[v >> 18 & 63]);
		str_addc(out, alphabet[v >> 12 & 63]);
		str_addc(out, i + 1 < size ? alphabet[v >> 6 & 63] : '=');
		str_addc(out, i + 2 < size ? alphabet[v & 63] : '=');
	}
}

int pgp_armor_add(struct str *out, struct pgp_bytes data, struct err *err)
{
	uint32_t crc = crc24(data.data, data.size);
	const uint8_t sum[3] = { (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc };

	str_add(out, BEGIN_KEY "\n\n");
	for (size_t i = 0; i < data.size; i += LINE_BYTES) {
		encode(out, data.data + i, data.size - i < LINE_BYTES ? data.size - i : LINE_BYTES);
		str_addc(out, '\n');
	}
	str_addc(out, '=');
	encode(out, sum, sizeof(sum));
	str_add(out, "\n" END_KEY "\n");
	return str_check(out, err);
}
