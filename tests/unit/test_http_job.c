/* SPDX-License-Identifier: Apache-2.0 */
/* http_job.c and http_part.c across runs: a fetch that is killed goes on where it was. */
#include "http_scene.h"

#include <poll.h>

#include "interrupt.h"

#define FILES 30
#define KILLS 20
#define SEED 20261121U
#define RATE "200000" /* bytes per second of one connection: all of it needs 2.5 s by six */

struct on_disk {
	bool done;
	off_t part_size;
};

static void file_path(char *ret, size_t size, unsigned int file, const char *suffix)
{
	snprintf(ret, size, "%s/a/f%u%s", scene.dir, file, suffix);
}

static void look(struct on_disk *files)
{
	for (unsigned int i = 0; i < FILES; i++) {
		char path[96];
		struct stat st;

		file_path(path, sizeof(path), i, "");
		files[i].done = scene_exists(path);
		file_path(path, sizeof(path), i, ".part");
		files[i].part_size = stat(path, &st) == 0 ? st.st_size : 0;
		assert_false(files[i].done && files[i].part_size);
	}
}

static int fetch_all_files(const char *kind, struct err *err)
{
	struct http_source source = HTTP_SOURCE_INIT;
	static struct http_transfer t[FILES];
	static char names[FILES][16], dests[FILES][96];
	int r;

	scene_source(&source, (const char *[]){ kind, NULL });
	for (unsigned int i = 0; i < FILES; i++) {
		snprintf(names[i], sizeof(names[i]), "f%u", i);
		file_path(dests[i], sizeof(dests[i]), i, "");
		t[i] = (struct http_transfer){ .source = &source,
					       .path = names[i],
					       .sha256 = scene.digest,
					       .size_bytes = BODY_SIZE,
					       .dest = dests[i] };
	}
	r = http_fetch(t, FILES, NULL, NULL, err);
	for (unsigned int i = 0; i < FILES; i++)
		http_transfer_release(&t[i]);
	http_source_release(&source);
	return r;
}

/* Fetches in a child that gets SIGNAL after DELAY_MS; its wait status. */
static int run_and_kill(const char *kind, int signal_number, int delay_ms)
{
	struct err err = ERR_INIT;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		interrupt_init();
		_exit(-fetch_all_files(kind, &err));
	}
	poll(NULL, 0, delay_ms);
	kill(pid, signal_number);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* What was there before each run, and what the server was asked for by all of them: each run has a
 * folder of its own, because a request may be on its way when its sender is killed. */
struct history {
	struct on_disk before[KILLS + 2][FILES];
	unsigned int runs;
	const char *folder;
	char kind[64]; /* of the present run */
};

static void next_run(struct history *h)
{
	assert_true(h->runs < ARRAY_SIZE(h->before));
	look(h->before[h->runs]);
	snprintf(h->kind, sizeof(h->kind), "%s/%u", h->folder, h->runs++);
}

/* Every request was for a file that was not finished, from where its part ended, and the only one of
 * its run. Returns how many there were. */
static unsigned int check_requests(const struct history *h)
{
	static unsigned int asked[KILLS + 2][FILES];
	char url[128];
	struct http_transfer t = { .url = url };
	struct err err = ERR_INIT;
	unsigned int count = 0;

	memset(asked, 0, sizeof(asked));
	scene_url(url, sizeof(url), "/log");
	assert_ok(http_fetch(&t, 1, NULL, NULL, &err));
	for (char *line = strtok(t.body.buf, "\n"); line; line = strtok(NULL, "\n")) {
		char range[32], expected[32] = "-";
		unsigned int run, file;
		const struct on_disk *was;

		if (line[0] != '/' || !str_starts(line + 1, h->folder))
			continue;
		assert_int_equal(
			sscanf(line + 1 + strlen(h->folder), "/%u/f%u %31s", &run, &file, range),
			3);
		assert_true(run < h->runs && file < FILES);
		was = &h->before[run][file];
		if (was->part_size)
			snprintf(expected, sizeof(expected), "bytes=%lld-",
				 (long long)was->part_size);
		assert_false(was->done);
		assert_true(was->part_size < BODY_SIZE);
		assert_string_equal(range, expected);
		assert_int_equal(asked[run][file]++, 0);
		count++;
	}
	http_transfer_release(&t);
	return count;
}

static void check_all_there(void)
{
	CLEANUP(strv_release) struct strv names = STRV_INIT;
	struct err err = ERR_INIT;
	char path[96];

	for (unsigned int i = 0; i < FILES; i++) {
		file_path(path, sizeof(path), i, "");
		scene_assert_good(path);
	}
	snprintf(path, sizeof(path), "%s/a", scene.dir);
	assert_ok(dir_list(path, &names, &err));
	assert_int_equal(names.count, FILES);
}

static void a_killed_fetch_asks_for_nothing_twice(void **state)
{
	static struct history h = { .folder = "slow/" RATE "/kill" };
	unsigned int seed = SEED, resumed = 0;
	struct err err = ERR_INIT;

	(void)state;
	print_message("seed %u\n", seed);
	for (unsigned int i = 0; i < KILLS; i++) {
		int status;

		next_run(&h);
		seed = seed * 1103515245U + 12345U;
		status = run_and_kill(h.kind, SIGKILL, 20 + (int)((seed >> 16) % 90));
		assert_true(WIFSIGNALED(status));
	}
	next_run(&h);
	assert_ok(fetch_all_files(h.kind, &err));
	check_all_there();
	next_run(&h);
	assert_ok(fetch_all_files(h.kind, &err)); /* asks for nothing: all is done before it */
	for (unsigned int run = 0; run < h.runs; run++)
		for (unsigned int i = 0; i < FILES; i++)
			resumed += h.before[run][i].part_size > 0;
	assert_true(resumed > 0);
	assert_true(check_requests(&h) >= FILES);
}

static void ctrl_c_and_sigterm_end_it_in_order(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	static struct history h = { .folder = "slow/" RATE "/signal" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		int status;

		next_run(&h);
		status = run_and_kill(h.kind, signals[i], 400);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), ERR_INTERRUPTED);
	}
	next_run(&h);
	assert_ok(fetch_all_files(h.kind, &err));
	check_all_there();
	assert_true(check_requests(&h) >= FILES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(a_killed_fetch_asks_for_nothing_twice),
		SCENE_TEST(ctrl_c_and_sigterm_end_it_in_order),
	};

	return cmocka_run_group_tests(tests, scene_set_up, scene_tear_down);
}
