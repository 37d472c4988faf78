// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * write(2) over a hole against a write fault on the same page.
 *
 *	mapper				writer
 *	read data[0]: a hole's page
 *					pwrite() allocates the block
 *	data[0] = 1: a write fault
 *	dirties the new entry
 *					pwrite() invalidates
 *
 * With --gates FOLDER (of refdax's lab) the order is exactly this one, every
 * time; without, both tasks start each round together and chance decides.
 * Each round has a page of its own; the mapper ends it with msync.
 *
 * Without gates, 7.2 may answer the store with SIGBUS: the write has removed the
 * hole's entry, but not yet the zero page's page table entry, and
 * vmf_insert_page_mkwrite() fails on that one. The store is then done again, as
 * the kernels before did by themselves, and counted on standard error.
 *
 * Exit status: 0, 1 if something failed, 2 usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define GATE		"write_allocated"
#define GATE_WAIT	"wait 60000"	/* ms; under emulation things are slow, not that slow */

static const char *gates;
static size_t page_size;
static int file;
static volatile char *data;
static long rounds = 1;
static unsigned int stay;
static pthread_barrier_t barrier;
static char *source;

static void fail(const char *what)
{
	fprintf(stderr, "workload: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* One command to refdax's gate; what it says has happened when write() returns. */
static void gate(const char *command)
{
	char path[512];
	int fd;

	if (!gates)
		return;
	snprintf(path, sizeof(path), "%s/%s", gates, GATE);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, command, strlen(command)) < 0)
		fail(path);
	close(fd);
}

static void *writer(void *argument)
{
	long round;

	(void)argument;
	prctl(PR_SET_NAME, "writer");
	for (round = 0; round < rounds; round++) {
		pthread_barrier_wait(&barrier);
		if (pwrite(file, source, page_size, round * page_size) != (ssize_t)page_size)
			fail("pwrite");
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static sigjmp_buf before_store;
static volatile sig_atomic_t refused;

static void on_sigbus(int signal)
{
	(void)signal;
	if (refused++ > 1000)
		_exit(1);
	siglongjmp(before_store, 1);
}

static void store(volatile char *address)
{
	sigsetjmp(before_store, 1);
	*address = 1;
}

static void mapper(void)
{
	long round;

	prctl(PR_SET_NAME, "mapper");
	for (round = 0; round < rounds; round++) {
		volatile char *page = data + round * page_size;

		(void)*page;
		gate("hold writer");
		pthread_barrier_wait(&barrier);
		gate(GATE_WAIT);
		store(page + page_size - 1);
		gate("release");
		pthread_barrier_wait(&barrier);
		if (msync((void *)page, page_size, MS_SYNC))
			fail("msync");
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "gates", required_argument, NULL, 'g' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "stay", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 }
	};
	pthread_t thread;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'g')
			gates = optarg;
		else if (option == 'r')
			rounds = atol(optarg);
		else if (option == 's')
			stay = atoi(optarg);
		else
			return 2;
	}
	if (optind != argc - 1 || rounds < 1) {
		fprintf(stderr, "usage: workload [--gates FOLDER] [--rounds N] [--stay SECONDS] FILE\n");
		return 2;
	}
	page_size = sysconf(_SC_PAGESIZE);
	source = malloc(page_size);
	if (!source)
		fail("malloc");
	memset(source, 'w', page_size);
	file = open(argv[optind], O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (file < 0 || ftruncate(file, rounds * page_size))
		fail(argv[optind]);
	data = mmap(NULL, rounds * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (data == MAP_FAILED)
		fail("mmap");
	pthread_barrier_init(&barrier, NULL, 2);
	if (pthread_create(&thread, NULL, writer, NULL))
		fail("pthread_create");
	signal(SIGBUS, on_sigbus);
	mapper();
	pthread_join(thread, NULL);
	if (refused)
		fprintf(stderr, "workload: %d stores were answered by SIGBUS\n", (int)refused);
	if (close(file))
		fail("close");
	/* As programs do that have more to do: who asks for it finds it. */
	sleep(stay);
	return 0;
}
