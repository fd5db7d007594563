/* SPDX-License-Identifier: MIT */
/* What unit and fault tests share: numbers by chance that a seed brings back
 * (PIKE_TEST_SEED), and a main in one line. */
#ifndef PIKE_TESTS_UNIT_H
#define PIKE_TESTS_UNIT_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* For hot loops: ck_assert writes down each place that it is at. */
#define UNIT_CHECK(condition)                                                  \
	do {                                                                   \
		if (!(condition))                                              \
			ck_abort_msg("%s", #condition);                        \
	} while (0)
#define UNIT_EQ(a, b)                                                          \
	do {                                                                   \
		long long a_is = (long long)(a), b_is = (long long)(b);        \
                                                                               \
		if (a_is != b_is)                                              \
			ck_abort_msg(                                          \
			    "%s is %lld, %s is %lld", #a, a_is, #b, b_is);     \
	} while (0)

/* Says the seed, so that a failure can be had again. */
static inline uint64_t unit_seed(const char *what)
{
	const char *text = getenv("PIKE_TEST_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 1;

	printf("%s: PIKE_TEST_SEED=%llu\n", what, (unsigned long long)seed);
	return seed;
}

/* Below n, which is not 0: the high half of a linear congruence. */
static inline uint32_t unit_below(uint64_t *state, uint32_t n)
{
	*state = *state * UINT64_C(6364136223846793005) +
		 UINT64_C(1442695040888963407);
	return (uint32_t)((*state >> 32) % n);
}

/* Runs a suite and frees it; what main returns. */
static inline int unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_run_all(runner, CK_ENV);

	int failed = srunner_ntests_failed(runner);

	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The same with the tests in the order of the list. */
static inline int unit_main(
    const char *name, const TTest *const *tests, size_t n)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create(name);

	for (size_t i = 0; i < n; i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}

#define UNIT_MAIN(name, ...)                                                   \
	int main(void)                                                         \
	{                                                                      \
		const TTest *tests[] = {__VA_ARGS__};                          \
                                                                               \
		return unit_main(name, tests, COUNT(tests));                   \
	}

#endif
