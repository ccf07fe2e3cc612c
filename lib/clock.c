/* SPDX-License-Identifier: Apache-2.0 */
#include "clock.h"

#include <stdio.h>
#include <string.h>

static time_t fixed_now;

time_t clock_now(void)
{
	return fixed_now ? fixed_now : time(NULL);
}

void clock_set(time_t now)
{
	fixed_now = now;
}

uint64_t clock_monotonic_ms(void)
{
	struct timespec ts = { .tv_sec = 0 };

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void clock_format(time_t t, char ret_text[CLOCK_TEXT_SIZE])
{
	struct tm tm = { .tm_sec = 0 };

	gmtime_r(&t, &tm);
	strftime(ret_text, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

time_t clock_parse(const char *text)
{
	struct tm tm = { .tm_sec = 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	char again[CLOCK_TEXT_SIZE];
	time_t t;

	if (!end || *end)
		return -1;
	t = timegm(&tm);
	if (t < 0)
		return -1;
	clock_format(t, again);
	return strcmp(again, text) ? -1 : t;
}
