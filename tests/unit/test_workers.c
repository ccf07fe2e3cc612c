/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <sched.h>
#include <stdatomic.h>

#include "workers.h"

#define ITEMS 500

struct site {
	_Atomic unsigned int times[ITEMS];
	_Atomic unsigned int ticks;
	unsigned int threads;
	size_t bad[2]; /* items that fail, 0: none */
};

static int count_one(void *arg, unsigned int worker, size_t i, struct err *err)
{
	struct site *s = arg;

	s->times[i]++;
	if (worker >= s->threads)
		return err_set(err, ERR_FAILED, "thread %u of %u", worker, s->threads);
	for (int tries = 0; i % 7 == 0 && tries < 100; tries++)
		sched_yield(); /* others come first */
	if (i && (i == s->bad[0] || i == s->bad[1]))
		return err_set(err, ERR_VERIFY, "item %zu", i);
	return 0;
}

static void count_ticks(void *arg)
{
	struct site *s = arg;

	s->ticks++;
}

static int run(struct site *s, unsigned int threads, struct err *err)
{
	const struct workers plan = {
		.count = ITEMS, .threads = threads, .run = count_one, .tick = count_ticks, .arg = s
	};

	s->threads = threads;
	return workers_run(&plan, err);
}

static void each_item_is_done_once(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	for (unsigned int threads = 1; threads <= WORKERS_MAX; threads += 5) {
		struct site s = { .ticks = 0 };

		assert_ok(run(&s, threads, &err));
		for (size_t i = 0; i < ITEMS; i++)
			assert_int_equal(s.times[i], 1);
	}
}

static void the_first_failure_is_told_whichever_comes_first(void **state)
{
	(void)state;
	for (int round = 0; round < 50; round++) {
		struct site s = { .bad = { 210, 211 } };
		struct err err = ERR_INIT;

		assert_fails(ERR_VERIFY, run(&s, 4, &err));
		assert_string_equal(err.msg, "item 210");
		for (size_t i = 0; i < 210; i++)
			assert_int_equal(s.times[i], 1);
	}
}

static void nothing_to_do_is_done(void **state)
{
	const struct workers plan = { .threads = workers_threads(0), .run = count_one };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(workers_threads(0), 1);
	assert_ok(workers_run(&plan, &err));
}

static void a_process_on_one_processor_gets_one_thread(void **state)
{
	cpu_set_t old, one;
	int cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(old), &old), 0);
	while (!CPU_ISSET(cpu, &old))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(workers_threads(100), 1);
	assert_int_equal(sched_setaffinity(0, sizeof(old), &old), 0);
	assert_true(workers_threads(100) >= 1);
	assert_true(workers_threads(100) <= (unsigned int)CPU_COUNT(&old));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_item_is_done_once),
		cmocka_unit_test(the_first_failure_is_told_whichever_comes_first),
		cmocka_unit_test(nothing_to_do_is_done),
		cmocka_unit_test(a_process_on_one_processor_gets_one_thread),
	};

	return RUN_TESTS(tests);
}
