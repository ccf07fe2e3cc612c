/* SPDX-License-Identifier: Apache-2.0 */
/* The run of many transfers: queues, connections, pauses. What one of them does is http_job.c's. */
#include "http.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "http_error.h"
#include "http_job.h"
#include "http_option.h"
#include "http_reader.h"
#include "http_server.h"
#include "interrupt.h"
#include "progress.h"

#define PARALLEL 8U
#define PARALLEL_MAX 64U
#define PER_HOST 6U
#define CONNECTIONS_KEPT 64L
#define WAIT_MS 500
#define READING_MAX 64U   /* complete files, still open, that wait to be read */
#define RATE_SLACK_MS 100 /* as far as a limited rate may be exceeded */
#define PAUSE_MS 500U     /* before the second try; twice as long before each further one */
#define PAUSE_MAX_MS 30000U

/* What lasts for the process: connections and TLS sessions serve the next call too. */
static struct {
	CURLM *multi;
	pid_t pid; /* whose connections these are: not those of a child that was forked */
	bool initialised;
} engine;

/* The transfers of one source or one host that wait for their first start. */
struct http_queue {
	const void *key; /* that source or host */
	struct http_job *head, **tail;
	uint64_t received_bytes; /* by tries that have ended */
};

struct run {
	struct http_job *jobs;
	size_t count, ended;
	struct http_queue *queues;
	size_t queue_count;
	struct http_job *pausing; /* until their due_ms; in no order */
	uint64_t due_ms;          /* the first of these; 0: none */
	struct http_job *active[PARALLEL_MAX];
	size_t active_count;
	struct http_reader *reader; /* NULL: not needed yet */
	size_t reading;             /* jobs that it has */
	size_t parallel, per_host;
	uint64_t rate_bytes;
	bool held_back; /* a queue waits because of its throttle */
	bool offline;
	unsigned int jitter; /* state of a small generator; nothing depends on its secrecy */
	struct http_counters counters;
	uint64_t start_ms;
	struct progress progress;
	bool show;
};

/* -- the engine -- */

static void engine_release(void)
{
	if (engine.pid != getpid())
		return;
	if (engine.multi)
		curl_multi_cleanup(steal_ptr(&engine.multi));
	http_hosts_release();
}

static int engine_init(struct err *err)
{
	if (!engine.initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_FAILED, "libcurl cannot be initialised");
	if (!engine.initialised && atexit(engine_release) != 0)
		return err_nomem(err);
	engine.initialised = true;
	if (engine.multi && engine.pid == getpid())
		return 0;
	engine.pid = getpid();
	engine.multi = curl_multi_init();
	if (!engine.multi)
		return err_nomem(err);
	curl_multi_setopt(engine.multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	curl_multi_setopt(engine.multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
	return 0;
}

/* -- queues -- */

static struct http_queue *find_queue(struct run *run, const void *key)
{
	/* Transfers of one source come one after the other. */
	for (size_t i = run->queue_count; i-- > 0;)
		if (run->queues[i].key == key)
			return &run->queues[i];
	return NULL;
}

static void enqueue(struct run *run, struct http_job *job)
{
	const struct http_transfer *t = job->transfer;
	const void *key = t->url ? (const void *)job->host : (const void *)t->source;
	struct http_queue *queue = find_queue(run, key);

	if (!queue) {
		queue = &run->queues[run->queue_count++];
		*queue = (struct http_queue){ .key = key, .tail = &queue->head };
	}
	job->queue = queue;
	*queue->tail = job;
	queue->tail = &job->next;
}

static void dequeue(struct http_queue *queue)
{
	struct http_job *job = queue->head;

	queue->head = job->next;
	if (!queue->head)
		queue->tail = &queue->head;
	job->next = NULL;
}

/* Back to the front of its queue. */
static void requeue(struct http_job *job)
{
	struct http_queue *queue = job->queue;

	job->next = queue->head;
	if (!queue->head)
		queue->tail = &job->next;
	queue->head = job;
}

/* Lets JOB wait until DUE_MS. */
static void pause_job(struct run *run, struct http_job *job, uint64_t due_ms)
{
	http_job_rest(job);
	job->due_ms = due_ms;
	job->next = run->pausing;
	run->pausing = job;
	if (!run->due_ms || due_ms < run->due_ms)
		run->due_ms = due_ms;
}

/* Those whose pause has ended go to the front of their queues. */
static void wake_jobs(struct run *run, uint64_t now)
{
	struct http_job *job = run->pausing;

	if (!run->due_ms || now < run->due_ms)
		return;
	run->pausing = NULL;
	run->due_ms = 0;
	while (job) {
		struct http_job *next = job->next;

		if (job->due_ms <= now) {
			requeue(job);
		} else {
			job->next = run->pausing;
			run->pausing = job;
			if (!run->due_ms || job->due_ms < run->due_ms)
				run->due_ms = job->due_ms;
		}
		job = next;
	}
}

/* -- starting -- */

static uint64_t share_of(uint64_t rate, size_t count)
{
	if (!rate || count < 2)
		return rate;
	return rate < count ? 1 : rate / count;
}

/* How many have these settings: they come from one repository, whose throttle they share. */
static size_t count_together(const struct run *run, const struct http_settings *settings)
{
	size_t n = 0;

	for (size_t i = 0; i < run->active_count; i++)
		n += http_job_settings(run->active[i]) == settings;
	return n;
}

/* The limits hold for all together; each transfer gets its share. */
static int share_rate(const struct run *run, struct err *err)
{
	for (size_t i = 0; i < run->active_count; i++) {
		const struct http_settings *s = http_job_settings(run->active[i]);
		uint64_t rate = share_of(run->rate_bytes, run->active_count);
		uint64_t throttle = 0;

		if (s && s->throttle_bytes)
			throttle = share_of(s->throttle_bytes, count_together(run, s));
		if (throttle && (!rate || throttle < rate))
			rate = throttle;
		if (rate && http_option_rate(run->active[i]->easy, s, rate, err) < 0)
			return -err->code;
	}
	return 0;
}

static void deactivate(struct run *run, struct http_job *job, CURL *easy)
{
	curl_multi_remove_handle(engine.multi, easy);
	curl_easy_cleanup(easy);
	job->host->active--;
	for (size_t i = 0; i < run->active_count; i++)
		if (run->active[i] == job) {
			run->active[i] = run->active[--run->active_count];
			break;
		}
}

static int activate(struct run *run, struct http_job *job, struct err *err)
{
	CURL *easy = curl_easy_init();
	int r;

	if (!easy)
		return err_nomem(err);
	r = http_job_start(job, easy, err);
	if (r == 0)
		r = http_option_rate(easy, http_job_settings(job), 0, err);
	if (r == 0 && curl_multi_add_handle(engine.multi, easy) != CURLM_OK)
		r = err_set(err, ERR_FAILED, "libcurl cannot start a download");
	if (r < 0) {
		job->easy = NULL;
		curl_easy_cleanup(easy);
		return r;
	}
	run->active[run->active_count++] = job;
	job->host->active++;
	return share_rate(run, err);
}

/* A failure that another server or another file would meet too ends everything. */
static bool is_fatal(enum err_code code)
{
	return code == ERR_FAILED || code == ERR_HOST || code == ERR_INTERRUPTED;
}

static int fail_job(struct run *run, struct http_job *job, struct err *err)
{
	if (!job->transfer->may_fail || is_fatal(err->code))
		return -err->code;
	job->transfer->failure = *err;
	*err = (struct err)ERR_INIT;
	http_job_rest(job);
	run->ended++;
	return 0;
}

/* Starts the first of QUEUE if there is room; true in RET_MOVED when the queue has changed. */
static int start_head(struct run *run, struct http_queue *queue, bool *ret_moved, struct err *err)
{
	struct http_job *job = queue->head;
	bool done = false, any = false;

	*ret_moved = false;
	if (!job->prepared && http_job_present(job, &done, err) < 0)
		goto failed;
	if (done) {
		dequeue(queue);
		run->ended++;
		*ret_moved = true;
		return 0;
	}
	if (http_job_pick(job, run->offline, &any, err) < 0)
		goto failed;
	if (!any) {
		http_error_final(job, NULL, err);
		goto failed;
	}
	if (job->host->active >= run->per_host)
		return 0;
	dequeue(queue);
	*ret_moved = true;
	if (job->host->not_before_ms > clock_monotonic_ms()) {
		pause_job(run, job, job->host->not_before_ms);
		return 0;
	}
	if (activate(run, job, err) == 0)
		return 0;
	return fail_job(run, job, err);
failed:
	dequeue(queue);
	*ret_moved = true;
	return fail_job(run, job, err);
}

/* With a limit nothing starts before its time, so that many small files keep to it as well. */
static bool is_early(const struct run *run, uint64_t received_bytes, uint64_t rate)
{
	uint64_t elapsed_ms = clock_monotonic_ms() - run->start_ms;

	return rate && received_bytes * 1000 / rate > elapsed_ms + RATE_SLACK_MS;
}

static bool is_held_back(const struct run *run, const struct http_queue *queue)
{
	const struct http_settings *s = http_job_settings(queue->head);

	return s && is_early(run, queue->received_bytes, s->throttle_bytes);
}

static int start_more(struct run *run, bool *ret_started, struct err *err)
{
	wake_jobs(run, clock_monotonic_ms());
	*ret_started = false;
	run->held_back = false;
	if (is_early(run, run->counters.received_bytes, run->rate_bytes))
		return 0;
	for (size_t i = 0; i < run->queue_count; i++) {
		struct http_queue *queue = &run->queues[i];
		bool moved = true;

		while (moved && queue->head && run->active_count < run->parallel &&
		       run->reading < READING_MAX) {
			if (is_held_back(run, queue)) {
				run->held_back = true;
				break;
			}
			if (start_head(run, queue, &moved, err) < 0)
				return -err->code;
			*ret_started = *ret_started || moved;
			if (interrupt_check(err) < 0)
				return -err->code;
		}
	}
	return 0;
}

/* -- ends -- */

/* Half of the time is certain and half by chance, so that many do not come back at once. */
static uint64_t backoff_ms(struct run *run, unsigned int tries)
{
	uint64_t ms = PAUSE_MS;

	while (--tries && ms < PAUSE_MAX_MS)
		ms *= 2;
	if (ms > PAUSE_MAX_MS)
		ms = PAUSE_MAX_MS;
	run->jitter = run->jitter * 1103515245U + 12345U;
	return ms / 2 + (run->jitter >> 8) % (ms / 2 + 1);
}

/* Another try, at once or after a pause, or the end of the transfer. */
static int go_on(struct run *run, struct http_job *job, const struct http_failure *failure,
		 struct err *err)
{
	unsigned int tries;
	bool any = false;
	uint64_t due_ms;

	if (failure->verdict != HTTP_GIVE_UP && http_job_pick(job, run->offline, &any, err) < 0)
		return -err->code;
	if (!any) {
		http_error_final(job, failure, err);
		return fail_job(run, job, err);
	}
	tries = job->attempts[job->server].tries;
	if (failure->verdict != HTTP_AGAIN || tries == 0) {
		requeue(job);
		return 0;
	}
	due_ms = clock_monotonic_ms() + backoff_ms(run, tries);
	pause_job(run, job, due_ms > job->host->not_before_ms ? due_ms : job->host->not_before_ms);
	return 0;
}

/* A try's verdict, unless R says that there is none. */
static int settle(struct run *run, struct http_job *job, const struct http_failure *failure, int r,
		  struct err *err)
{
	if (r < 0)
		return r;
	if (failure->verdict != HTTP_DONE)
		return go_on(run, job, failure, err);
	run->ended++;
	return 0;
}

/* For one file, or without a thread, here and now. */
static int read_job(struct run *run, struct http_job *job, struct err *err)
{
	struct http_failure failure;
	struct err ignored = ERR_INIT;
	int r;

	if (run->count > 1 && !run->reader && http_reader_start(&run->reader, &ignored) < 0)
		run->reader = NULL;
	if (run->reader) {
		run->reading++;
		http_reader_add(run->reader, job);
		return 0;
	}
	http_reader_read(job);
	r = http_job_read(job, &failure, err);
	return settle(run, job, &failure, r, err);
}

static int take_one_read(struct run *run, struct http_job *job, struct err *err)
{
	struct http_failure failure;
	int r = http_job_read(job, &failure, err);

	run->reading--;
	return settle(run, job, &failure, r, err);
}

/* With nothing to receive this thread helps the other one. */
static int take_read(struct run *run, bool *ret_any, struct err *err)
{
	struct http_job *job;

	while (run->reading && (job = http_reader_take(run->reader))) {
		*ret_any = true;
		if (take_one_read(run, job, err) < 0)
			return -err->code;
	}
	if (run->active_count || !run->reading || !(job = http_reader_help(run->reader)))
		return 0;
	*ret_any = true;
	return take_one_read(run, job, err);
}

static int reap(struct run *run, bool *ret_any, struct err *err)
{
	CURLMsg *msg;
	int left;

	*ret_any = false;
	while ((msg = curl_multi_info_read(engine.multi, &left))) {
		CURL *easy = msg->easy_handle;
		CURLcode code = msg->data.result;
		struct http_failure failure;
		char *private = NULL;
		struct http_job *job;
		int r;

		if (msg->msg != CURLMSG_DONE)
			continue;
		*ret_any = true;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
		job = (struct http_job *)private;
		job->queue->received_bytes += job->try_bytes;
		r = http_job_ended(job, code, &failure, err);
		deactivate(run, job, easy);
		if (r == 0 && failure.verdict == HTTP_READ)
			r = read_job(run, job, err);
		else
			r = settle(run, job, &failure, r, err);
		if (r < 0)
			return r;
	}
	return *ret_any ? share_rate(run, err) : 0;
}

/* -- the loop -- */

static void show_progress(struct run *run)
{
	const struct http_counters *c = &run->counters;

	if (!run->show)
		return;
	progress_skip(&run->progress, c->present_bytes > c->received_bytes
					      ? c->present_bytes - c->received_bytes
					      : 0);
	progress_update(&run->progress, c->present_bytes, (unsigned int)run->ended);
}

/* What came so far goes to the files: whoever is killed while he waits loses none of it. */
static int flush_active(const struct run *run, struct err *err)
{
	for (size_t i = 0; i < run->active_count; i++)
		if (http_part_flush(&run->active[i]->part, err) < 0)
			return -err->code;
	return 0;
}

/* Waits for the network and for the reader. */
static int wait_for_active(const struct run *run, int wait_ms, int *ret_ready, struct err *err)
{
	struct curl_waitfd done = { .events = CURL_WAIT_POLLIN };

	if (run->reading)
		done.fd = http_reader_fd(run->reader);
	/* Some versions of libcurl call it an error when a signal ends the wait. */
	if (curl_multi_wait(engine.multi, &done, run->reading > 0, wait_ms, ret_ready) !=
		    CURLM_OK &&
	    !interrupt_seen())
		return err_set(err, ERR_FAILED, "libcurl cannot wait for the network");
	return 0;
}

static void wait_for_reader(const struct run *run, int wait_ms)
{
	struct pollfd done = { .fd = -1, .events = POLLIN };

	if (run->reading)
		done.fd = http_reader_fd(run->reader);
	poll(&done, 1, wait_ms);
}

/* Until something happens, a pause ends, or it is time to look around. */
static int wait_for_more(const struct run *run, struct err *err)
{
	uint64_t before = clock_monotonic_ms();
	int wait_ms = run->rate_bytes || run->held_back ? RATE_SLACK_MS : WAIT_MS;
	int ready = 0;

	if (run->due_ms && run->due_ms < before + WAIT_MS)
		wait_ms = run->due_ms > before ? (int)(run->due_ms - before) : 0;
	if (!run->active_count) {
		wait_for_reader(run, wait_ms);
		return 0;
	}
	if (wait_for_active(run, 0, &ready, err) < 0)
		return -err->code;
	if (ready)
		return 0;
	if (flush_active(run, err) < 0 || wait_for_active(run, wait_ms, &ready, err) < 0)
		return -err->code;
	if (!ready && wait_ms && clock_monotonic_ms() == before)
		poll(NULL, 0, 1); /* libcurl had nothing to wait for: a name is being resolved */
	return 0;
}

static int run_all(struct run *run, struct err *err)
{
	while (run->ended < run->count) {
		bool started = false, any = false;
		int running = 0;

		if (interrupt_check(err) < 0)
			return -err->code;
		if (start_more(run, &started, err) < 0)
			return -err->code;
		if (curl_multi_perform(engine.multi, &running) != CURLM_OK)
			return err_set(err, ERR_FAILED, "libcurl cannot go on");
		if (reap(run, &any, err) < 0 || take_read(run, &any, err) < 0)
			return -err->code;
		show_progress(run);
		if (!any && !started && wait_for_more(run, err) < 0)
			return -err->code;
	}
	return 0;
}

static void run_release(struct run *run)
{
	http_reader_free(run->reader);
	while (run->active_count) {
		struct http_job *job = run->active[0];

		deactivate(run, job, job->easy);
		job->easy = NULL;
	}
	for (size_t i = 0; run->jobs && i < run->count; i++)
		http_job_release(&run->jobs[i]);
	free(run->jobs);
	free(run->queues);
}

static int check_readable(const char *path, const char *what, struct err *err)
{
	if (path && access(path, R_OK) < 0)
		return err_errno(err, ERR_CONFIG, errno, "cannot read '%s' (%s)", path, what);
	return 0;
}

static int check_settings(const struct http_settings *s, struct err *err)
{
	if (s && (check_readable(s->sslcacert, "sslcacert", err) < 0 ||
		  check_readable(s->sslclientcert, "sslclientcert", err) < 0 ||
		  check_readable(s->sslclientkey, "sslclientkey", err) < 0 ||
		  check_readable(s->proxy_sslcacert, "proxy_sslcacert", err) < 0 ||
		  check_readable(s->proxy_sslclientcert, "proxy_sslclientcert", err) < 0 ||
		  check_readable(s->proxy_sslclientkey, "proxy_sslclientkey", err) < 0))
		return -err->code;
	return 0;
}

static int add_jobs(struct run *run, struct http_transfer *transfers, size_t count, struct err *err)
{
	const struct http_settings *checked = NULL;

	for (size_t i = 0; i < count; i++) {
		struct http_job *job = &run->jobs[run->count++];
		const struct http_settings *settings;
		int r = http_job_init(job, &transfers[i], &run->counters, err);

		settings = http_job_settings(job);
		if (r == 0 && settings != checked)
			r = check_settings(settings, err);
		if (r < 0 && fail_job(run, job, err) < 0)
			return -err->code;
		if (r < 0)
			continue;
		checked = settings;
		enqueue(run, job);
	}
	return 0;
}

static size_t limit(unsigned int given, unsigned int fallback)
{
	size_t n = given ? given : fallback;

	return n < PARALLEL_MAX ? n : PARALLEL_MAX;
}

static int run_init(struct run *run, struct http_transfer *transfers, size_t count,
		    const struct http_limits *limits, const char *what, struct err *err)
{
	uint64_t total = 0;

	if (engine_init(err) < 0)
		return -err->code;
	run->start_ms = clock_monotonic_ms();
	run->jitter = (unsigned int)run->start_ms ^ (unsigned int)getpid();
	run->parallel = limit(limits ? limits->parallel : 0, PARALLEL);
	run->per_host = limit(limits ? limits->per_host : 0, PER_HOST);
	run->rate_bytes = limits ? limits->rate_bytes : 0;
	run->offline = limits && limits->offline;
	run->jobs = calloc(count, sizeof(*run->jobs));
	run->queues = calloc(count, sizeof(*run->queues));
	if (!run->jobs || !run->queues)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++)
		total += transfers[i].size_bytes;
	run->show = what != NULL;
	if (run->show)
		progress_start(&run->progress, what, total, (unsigned int)count);
	return add_jobs(run, transfers, count, err);
}

void http_source_release(struct http_source *source)
{
	strv_release(&source->bases);
	free(source->servers);
	*source = (struct http_source)HTTP_SOURCE_INIT;
}

void http_transfer_release(struct http_transfer *transfer)
{
	str_release(&transfer->body);
	free(steal_ptr(&transfer->etag));
	free(steal_ptr(&transfer->last_modified));
	free(steal_ptr(&transfer->from));
}

int http_fetch(struct http_transfer *transfers, size_t count, const struct http_limits *limits,
	       const char *what, struct err *err)
{
	struct run run = { .jobs = NULL };
	int r;

	if (count == 0)
		return 0;
	r = run_init(&run, transfers, count, limits, what, err);
	if (r == 0)
		r = run_all(&run, err);
	if (run.show) {
		if (r == 0)
			progress_done(&run.progress);
		else
			progress_abort(&run.progress);
	}
	run_release(&run);
	return r;
}
