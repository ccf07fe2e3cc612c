/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure FILE COMMAND...: runs COMMAND and writes to FILE, as JSON, what it took: seconds of time, of processor time by itself and
 * in the kernel, and the most memory that it or one of its children held. Ends as COMMAND did.
 *
 * A program of its own, because a process starts with the peak memory of the one that forked it: this one holds next to
 * nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	struct timespec from = { 0 };
	struct timespec to = { 0 };
	struct rusage usage = { 0 };
	FILE *out = NULL;
	int status = 0;
	pid_t pid;

	if (argc < 3)
		return 126;
	clock_gettime(CLOCK_MONOTONIC, &from);
	pid = fork();
	if (pid < 0)
		return 126;
	if (pid == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (wait4(pid, &status, 0, &usage) != pid)
		return 126;
	clock_gettime(CLOCK_MONOTONIC, &to);
	out = fopen(argv[1], "w");
	if (!out)
		return 126;
	fprintf(out, "{\"wall_s\": %.6f, \"user_s\": %.6f, \"sys_s\": %.6f, \"rss_kb\": %ld}\n",
		(double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9,
		seconds(usage.ru_utime), seconds(usage.ru_stime), usage.ru_maxrss);
	if (fclose(out) != 0)
		return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
