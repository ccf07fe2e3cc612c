/* SPDX-License-Identifier: Apache-2.0 */
#include "interrupt.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t seen;

static void on_signal(int number)
{
	seen = number;
}

void interrupt_init(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct sigaction old = { .sa_handler = SIG_DFL };

		/* What nohup ignores stays ignored. */
		if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
}

bool interrupt_seen(void)
{
	return seen != 0;
}

int interrupt_check(struct err *err)
{
	if (!seen)
		return 0;
	return err_set(err, ERR_INTERRUPTED, "interrupted by SIG%s: run again to resume",
		       seen == SIGINT    ? "INT"
		       : seen == SIGTERM ? "TERM"
					 : "HUP");
}
