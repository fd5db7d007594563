/* SPDX-License-Identifier: MIT */
/*
 * pike-info: what this library can do on this machine.
 *
 *	pike-info            the version, and what came of trying each backend
 *	pike-info --names    the backends that open here, one a line
 *	pike-info --routes   how each of them does each opcode
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pike.h>

#define BACKENDS_MAX 16

/* The queues of all backends that open; returns how many. */
static unsigned queues_open(struct pike_queue **queues)
{
	unsigned count = 0;
	const char *name;
	for (unsigned i = 0; (name = pike_backend_at(i)) != NULL; i++) {
		struct pike_params params = {.backend = name};
		if (count < BACKENDS_MAX &&
		    pike_queue_open(&queues[count], &params) == 0)
			count++;
	}
	return count;
}

static void queues_close(struct pike_queue **queues, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		pike_queue_close(queues[i]);
}

static int print_names(void)
{
	struct pike_queue *queues[BACKENDS_MAX];
	unsigned count = queues_open(queues);
	for (unsigned i = 0; i < count; i++)
		printf("%s\n", pike_backend_name(queues[i]));
	queues_close(queues, count);
	return count > 0 ? 0 : 1;
}

static const char *route_name(int route)
{
	switch (route) {
	case PIKE_ROUTE_UNSUPPORTED:
		return "-";
	case PIKE_ROUTE_NATIVE:
		return "native";
	case PIKE_ROUTE_EMULATED:
		return "emulated";
	case PIKE_ROUTE_THREADED:
		return "threaded";
	default:
		return "?";
	}
}

static int print_routes(void)
{
	struct pike_queue *queues[BACKENDS_MAX];
	unsigned count = queues_open(queues);
	printf("%-18s", "");
	for (unsigned i = 0; i < count; i++)
		printf(" %-10s", pike_backend_name(queues[i]));
	putchar('\n');
	for (int opcode = 1; opcode < PIKE_OPCODES; opcode++) {
		printf("%-18s", pike_opcode_name(opcode));
		for (unsigned i = 0; i < count; i++)
			printf(" %-10s",
			    route_name(pike_route(queues[i], opcode)));
		putchar('\n');
	}
	queues_close(queues, count);
	return count > 0 ? 0 : 1;
}

static int print_report(void)
{
	printf("pike %s\n", pike_version_text());
	int len = pike_backend_report(NULL, NULL, 0);
	if (len < 0) {
		fprintf(stderr, "pike-info: %s\n", pike_error_text(len));
		return 1;
	}
	char *text = malloc((size_t)len + 1);
	if (!text) {
		fprintf(stderr, "pike-info: out of memory\n");
		return 1;
	}
	pike_backend_report(NULL, text, (size_t)len + 1);
	fputs(text, stdout);
	free(text);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return print_report();
	if (argc == 2 && strcmp(argv[1], "--names") == 0)
		return print_names();
	if (argc == 2 && strcmp(argv[1], "--routes") == 0)
		return print_routes();
	fprintf(stderr, "usage: pike-info [--names | --routes]\n");
	return 2;
}
