/* SPDX-License-Identifier: MIT */
/* Which backend a queue gets, and what is said of it. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "script.h"
#include "unit.h"

static int open_named(const char *name)
{
	struct pike_params p = {.backend = name};
	struct pike_queue *q = (struct pike_queue *)&p;
	int error = pike_queue_open(&q, &p);

	if (error)
		ck_assert_ptr_null(q);
	else
		ck_assert_str_eq(pike_backend_name(q), "script");
	pike_queue_close(q);
	return error;
}

START_TEST(open_takes_the_first_that_opens)
{
	struct pike_queue *q;
	char text[64];

	ck_assert_int_eq(pike_queue_open(&q, NULL), 0);
	ck_assert_str_eq(pike_backend_name(q), "script");
	ck_assert_int_eq(pike_backend_report(q, text, sizeof text), 30);
	ck_assert_str_eq(text, "refused: says no\nscript: runs\n");
	ck_assert_int_eq(pike_backend_report(q, text, 8), 30);
	ck_assert_str_eq(text, "refused");
	pike_queue_close(q);
	ck_assert_ptr_null(pike_backend_name(q));
	ck_assert_str_eq(pike_backend_at(0), "refused");
	ck_assert_str_eq(pike_backend_at(1), "script");
	ck_assert_ptr_null(pike_backend_at(2));
	ck_assert_ptr_null(pike_backend_at(3));
}
END_TEST

START_TEST(open_takes_no_other_than_asked_for)
{
	ck_assert_int_eq(open_named("script"), 0);
	ck_assert_int_eq(open_named("refused"), -PIKE_ENOTSUP);
	ck_assert_int_eq(open_named("nothing"), -PIKE_EINVAL);
	ck_assert_int_eq(open_named(""), -PIKE_EINVAL);
	ck_assert_int_eq(setenv("PIKE_BACKEND", "refused", 1), 0);
	ck_assert_int_eq(open_named(NULL), -PIKE_ENOTSUP);
	ck_assert_int_eq(open_named("script"), 0);
	ck_assert_int_eq(setenv("PIKE_BACKEND", "nothing", 1), 0);
	ck_assert_int_eq(open_named(NULL), -PIKE_EINVAL);
	ck_assert_int_eq(setenv("PIKE_BACKEND", "", 1), 0);
	ck_assert_int_eq(open_named(NULL), 0);
}
END_TEST

/* Only a backend that is not there is passed over; a lack of something would
 * meet the next as well. */
START_TEST(open_passes_over_what_is_not_there)
{
	static const int passed[] = {
	    PIKE_ENOTSUP, PIKE_ENOSYS, PIKE_EPERM, PIKE_EACCES, PIKE_EINVAL};
	static const int kept[] = {PIKE_EMFILE, PIKE_ENFILE, PIKE_ENOMEM};

	for (size_t i = 0; i < COUNT(passed); i++) {
		script_refusal = -passed[i];
		ck_assert_int_eq(open_named(NULL), 0);
		ck_assert_int_eq(open_named("refused"), -PIKE_ENOTSUP);
	}
	for (size_t i = 0; i < COUNT(kept); i++) {
		script_refusal = -kept[i];
		ck_assert_int_eq(open_named(NULL), -kept[i]);
		ck_assert_int_eq(open_named("refused"), -kept[i]);
	}
	script_refusal = -PIKE_ENOTSUP;
}
END_TEST

START_TEST(open_says_of_all_without_a_queue)
{
	char text[128];

	ck_assert_int_gt(pike_backend_report(NULL, text, sizeof text), 0);
	ck_assert_str_eq(text, "refused: says no\nscript: available\n");
	ck_assert_int_eq(pike_backend_report(NULL, NULL, 0), strlen(text));
	ck_assert_int_eq(pike_backend_report(NULL, NULL, 1), -PIKE_EINVAL);
}
END_TEST

/* -- without memory -- */

static int allowed; /* allocations until there are no more */

static void *scarce(void *old, size_t size)
{
	if (size && allowed-- <= 0)
		return NULL;
	return realloc(old, size);
}

START_TEST(open_without_memory)
{
	struct pike_params p = {.ops_max = 100};
	int n = 0;

	pike__realloc_hook = scarce;
	for (;; n++) {
		struct pike_queue *q = (struct pike_queue *)&p;

		allowed = n;
		if (pike_queue_open(&q, &p) == 0) {
			pike_queue_close(q);
			break;
		}
		ck_assert_ptr_null(q);
	}
	ck_assert_int_ge(n, 8);
	pike__realloc_hook = NULL;
}
END_TEST

/* Late calls on a closed queue meet a mark, though its memory is used again
 * after a while. */
START_TEST(open_after_many_closes)
{
	enum {
		QUEUES = 300
	};
	struct pike_queue *last = NULL;

	for (int i = 0; i < QUEUES; i++) {
		struct pike_queue *q;

		ck_assert_int_eq(pike_queue_open(&q, NULL), 0);
		ck_assert_ptr_ne(q, last);
		ck_assert_int_eq(pike_post(q, NULL, 0), 0);
		ck_assert_int_eq(pike_post(last, NULL, 0), -PIKE_EBADF);
		ck_assert_int_eq(pike_wake(last), -PIKE_EBADF);
		ck_assert_int_eq(pike_pollable(last), -PIKE_EBADF);
		pike_queue_close(last);
		pike_queue_close(q);
		last = q;
		script_forget();
	}
}
END_TEST

UNIT_MAIN("open", open_takes_the_first_that_opens,
    open_takes_no_other_than_asked_for, open_passes_over_what_is_not_there,
    open_says_of_all_without_a_queue, open_without_memory,
    open_after_many_closes)
