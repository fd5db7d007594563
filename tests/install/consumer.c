/* SPDX-License-Identifier: MIT */
/*
 * What an application does first: it is built from an installed pike with
 * nothing but what pkg-config says, posts to its own queue and reaps that.
 */
#include <stdio.h>
#include <string.h>

#include <pike.h>

int main(void)
{
	struct pike_queue *q;
	struct pike_completion done;
	int mark = 0;
	int err;

	err = pike_queue_open(&q, NULL);
	if (err < 0) {
		printf("open: %s\n", pike_error_text(err));
		return 1;
	}
	err = pike_post(q, &mark, 42);
	if (err < 0) {
		printf("post: %s\n", pike_error_text(err));
		return 1;
	}
	int n = pike_reap(q, &done, 1, -1);
	if (n != 1 || done.user_data != &mark || done.res != 42) {
		printf("reap: %d\n", n);
		return 1;
	}
	pike_queue_close(q);
	return 0;
}
