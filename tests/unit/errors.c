/* SPDX-License-Identifier: MIT */
/* Codes, their names and texts, the way from errno, and the version. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pike.h>

#include "backend/posix_error.h"

/* PIKE_ERRORS and the system by name; EUNKNOWN is pike's own. */
#define EUNKNOWN INT_MAX

static const struct {
	const char *name;
	const char *text;
	int code;
	int number;
	int system;
} errors_all[] = {
#define ERRORS_ROW(name, number, text)                                         \
	{"PIKE_" #name, text, PIKE_##name, number, name},
    PIKE_ERRORS(ERRORS_ROW)
#undef ERRORS_ROW
};

#define ERRORS_COUNT ((int)(sizeof(errors_all) / sizeof(*errors_all)))

START_TEST(errors_map_by_name)
{
	ck_assert_int_eq(
	    pike__error_from_errno(errors_all[_i].system), errors_all[_i].code);
}
END_TEST

START_TEST(errors_have_names)
{
	int64_t code = errors_all[_i].code;

	ck_assert_int_eq(errors_all[_i].code, errors_all[_i].number);
	ck_assert_str_eq(pike_error_name(code), errors_all[_i].name);
	ck_assert_str_eq(pike_error_name(-code), errors_all[_i].name);
	ck_assert_str_eq(pike_error_text(code), errors_all[_i].text);
	ck_assert_str_eq(pike_error_text(-code), errors_all[_i].text);
}
END_TEST

START_TEST(errors_are_ordered)
{
	for (int i = 1; i < ERRORS_COUNT; i++)
		ck_assert_int_lt(errors_all[i - 1].code, errors_all[i].code);
}
END_TEST

START_TEST(errors_with_two_names)
{
	ck_assert_int_eq(pike__error_from_errno(EOPNOTSUPP), PIKE_EOPNOTSUPP);
	ck_assert_int_eq(pike__error_from_errno(ENOTSUP), PIKE_ENOTSUP);
	ck_assert_int_eq(pike__error_from_errno(EWOULDBLOCK), PIKE_EAGAIN);
	ck_assert_int_eq(pike__error_from_errno(EAGAIN), PIKE_EAGAIN);
}
END_TEST

/* Every errno gives a code that has a name, and no two the same by chance. */
START_TEST(errors_of_any_errno)
{
	int known = 0;

	for (int err = 0; err < 5000; err++) {
		int code = pike__error_from_errno(err);
		ck_assert_int_gt(code, 0);
		ck_assert_str_ne(pike_error_name(code), "?");
		known += code != PIKE_EUNKNOWN;
	}
	ck_assert_int_ge(known, ERRORS_COUNT - 1);
	ck_assert_int_eq(pike__error_from_errno(0), PIKE_EUNKNOWN);
	ck_assert_int_eq(pike__error_from_errno(INT_MIN), PIKE_EUNKNOWN);
}
END_TEST

START_TEST(errors_unknown)
{
	static const int64_t codes[] = {8, -8, 4094, 4096, INT_MAX, INT64_MAX,
	    INT64_MIN, -((INT64_C(1) << 32) + PIKE_EBADF),
	    (INT64_C(1) << 32) + PIKE_EBADF};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		ck_assert_str_eq(pike_error_name(codes[i]), "?");
		ck_assert_str_eq(pike_error_text(codes[i]), "?");
	}
	ck_assert_str_eq(pike_error_name(0), "PIKE_OK");
	ck_assert_str_ne(pike_error_text(0), "?");
}
END_TEST

START_TEST(version_is_one)
{
	char text[32];

	snprintf(text, sizeof(text), "%d.%d.%d", PIKE_VERSION_MAJOR,
	    PIKE_VERSION_MINOR, PIKE_VERSION_PATCH);
	ck_assert_str_eq(pike_version_text(), text);
	ck_assert_uint_eq(pike_version(), PIKE_VERSION);
}
END_TEST

START_TEST(version_sizes)
{
	ck_assert_uint_eq(pike_op_size(), sizeof(struct pike_op));
	ck_assert_uint_eq(
	    pike_completion_size(), sizeof(struct pike_completion));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("errors");
	TCase *tests = tcase_create("errors");

	/* The last, EUNKNOWN, is no errno. */
	tcase_add_loop_test(tests, errors_map_by_name, 0, ERRORS_COUNT - 1);
	tcase_add_loop_test(tests, errors_have_names, 0, ERRORS_COUNT);
	tcase_add_test(tests, errors_are_ordered);
	tcase_add_test(tests, errors_with_two_names);
	tcase_add_test(tests, errors_of_any_errno);
	tcase_add_test(tests, errors_unknown);
	tcase_add_test(tests, version_is_one);
	tcase_add_test(tests, version_sizes);
	suite_add_tcase(suite, tests);

	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
