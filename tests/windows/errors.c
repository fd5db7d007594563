/* SPDX-License-Identifier: MIT */
/*
 * The table of errors, row by row: each against what is written here, every
 * row written here is in the table, and no number is there twice.
 */
#include <check.h>

#include "../unit/unit.h"
#include "backend/win_error.h"

struct row {
	uint32_t system;
	int code;
};

static const struct row rows[] = {
    /* Windows: winerror.h */
    {1, PIKE_ENOTSUP},
    {2, PIKE_ENOENT},
    {3, PIKE_ENOENT},
    {4, PIKE_EMFILE},
    {5, PIKE_EACCES},
    {6, PIKE_EBADF},
    {8, PIKE_ENOMEM},
    {14, PIKE_ENOMEM},
    {32, PIKE_EBUSY},
    {38, PIKE_EPIPE},
    {50, PIKE_ENOTSUP},
    {53, PIKE_EHOSTUNREACH},
    {64, PIKE_ECONNRESET},
    {87, PIKE_EINVAL},
    {109, PIKE_EPIPE},
    {121, PIKE_ETIMEDOUT},
    {122, PIKE_EINVAL},
    {230, PIKE_EPIPE},
    {231, PIKE_EBUSY},
    {232, PIKE_EPIPE},
    {233, PIKE_EPIPE},
    {234, PIKE_EMSGSIZE},
    {536, PIKE_ENOTCONN},
    {735, PIKE_EBADF},
    {995, PIKE_ECANCELED},
    {998, PIKE_EFAULT},
    {1168, PIKE_ENOENT},
    {1225, PIKE_ECONNREFUSED},
    {1226, PIKE_EPIPE},
    {1227, PIKE_EADDRINUSE},
    {1229, PIKE_ENOTCONN},
    {1230, PIKE_EISCONN},
    {1231, PIKE_ENETUNREACH},
    {1232, PIKE_EHOSTUNREACH},
    {1233, PIKE_EPROTONOSUPPORT},
    {1234, PIKE_ECONNREFUSED},
    {1235, PIKE_ECANCELED},
    {1236, PIKE_ECONNABORTED},
    {1450, PIKE_ENOBUFS},
    {1453, PIKE_ENOMEM},
    {1455, PIKE_ENOMEM},
    {1460, PIKE_ETIMEDOUT},
    {1784, PIKE_ENOBUFS},
    {1816, PIKE_ENOBUFS},
    {1921, PIKE_ELOOP},
    /* Winsock: winsock2.h */
    {10004, PIKE_EINTR},
    {10009, PIKE_EBADF},
    {10013, PIKE_EACCES},
    {10014, PIKE_EFAULT},
    {10022, PIKE_EINVAL},
    {10024, PIKE_EMFILE},
    {10035, PIKE_EAGAIN},
    {10036, PIKE_EINPROGRESS},
    {10037, PIKE_EALREADY},
    {10038, PIKE_ENOTSOCK},
    {10039, PIKE_EDESTADDRREQ},
    {10040, PIKE_EMSGSIZE},
    {10041, PIKE_EPROTOTYPE},
    {10042, PIKE_ENOPROTOOPT},
    {10043, PIKE_EPROTONOSUPPORT},
    {10044, PIKE_ESOCKTNOSUPPORT},
    {10045, PIKE_EOPNOTSUPP},
    {10046, PIKE_EPFNOSUPPORT},
    {10047, PIKE_EAFNOSUPPORT},
    {10048, PIKE_EADDRINUSE},
    {10049, PIKE_EADDRNOTAVAIL},
    {10050, PIKE_ENETDOWN},
    {10051, PIKE_ENETUNREACH},
    {10052, PIKE_ENETRESET},
    {10053, PIKE_ECONNABORTED},
    {10054, PIKE_ECONNRESET},
    {10055, PIKE_ENOBUFS},
    {10056, PIKE_EISCONN},
    {10057, PIKE_ENOTCONN},
    {10058, PIKE_EPIPE},
    {10059, PIKE_ETOOMANYREFS},
    {10060, PIKE_ETIMEDOUT},
    {10061, PIKE_ECONNREFUSED},
    {10062, PIKE_ELOOP},
    {10063, PIKE_ENAMETOOLONG},
    {10064, PIKE_EHOSTDOWN},
    {10065, PIKE_EHOSTUNREACH},
    {10066, PIKE_ENOTEMPTY},
    {10067, PIKE_EAGAIN},
    {10069, PIKE_EDQUOT},
    {10070, PIKE_ESTALE},
    {10091, PIKE_ENETDOWN},
    {10092, PIKE_ENOSYS},
    {10093, PIKE_ENOSYS},
    {10101, PIKE_EPIPE},
    /* The kernel: ntstatus.h */
    {0x80000005u, PIKE_EMSGSIZE},
    {0xC0000008u, PIKE_EBADF},
    {0xC000000Du, PIKE_EINVAL},
    {0xC0000011u, PIKE_EPIPE},
    {0xC0000017u, PIKE_ENOMEM},
    {0xC0000022u, PIKE_EACCES},
    {0xC0000034u, PIKE_ENOENT},
    {0xC0000043u, PIKE_EADDRINUSE},
    {0xC000009Au, PIKE_ENOBUFS},
    {0xC00000B0u, PIKE_EPIPE},
    {0xC00000B1u, PIKE_EPIPE},
    {0xC00000B5u, PIKE_ETIMEDOUT},
    {0xC00000BBu, PIKE_ENOTSUP},
    {0xC00000C9u, PIKE_ECONNRESET},
    {0xC00000CAu, PIKE_EACCES},
    {0xC000011Fu, PIKE_EMFILE},
    {0xC0000120u, PIKE_ECANCELED},
    {0xC000013Bu, PIKE_ECONNABORTED},
    {0xC000013Cu, PIKE_ECONNRESET},
    {0xC0000141u, PIKE_EADDRNOTAVAIL},
    {0xC000014Bu, PIKE_EPIPE},
    {0xC0000207u, PIKE_EADDRNOTAVAIL},
    {0xC000020Au, PIKE_EADDRINUSE},
    {0xC000020Cu, PIKE_ENOTCONN},
    {0xC000020Du, PIKE_ECONNRESET},
    {0xC0000236u, PIKE_ECONNREFUSED},
    {0xC0000237u, PIKE_EPIPE},
    {0xC000023Bu, PIKE_EISCONN},
    {0xC000023Cu, PIKE_ENETUNREACH},
    {0xC000023Du, PIKE_EHOSTUNREACH},
    {0xC000023Eu, PIKE_EPROTONOSUPPORT},
    {0xC000023Fu, PIKE_ECONNREFUSED},
    {0xC0000240u, PIKE_ECANCELED},
    {0xC0000241u, PIKE_ECONNABORTED},
};

START_TEST(each_number_has_its_code)
{
	const struct row *row = &rows[_i];
	int code = pike__error_from_windows(row->system);

	if (code != row->code)
		ck_abort_msg("0x%x is %s, not %s", (unsigned)row->system,
		    pike_error_name(code), pike_error_name(row->code));
}
END_TEST

START_TEST(each_row_is_written_here_once)
{
	size_t n = 0;

	for (; pike__win_rows[n].system; n++) {
		uint32_t system = pike__win_rows[n].system;
		int times = 0;
		for (size_t i = 0; i < COUNT(rows); i++)
			times += rows[i].system == system;
		if (times != 1)
			ck_abort_msg("0x%x is written here %d times",
			    (unsigned)system, times);
		for (size_t i = 0; i < n; i++)
			ck_assert_uint_ne(pike__win_rows[i].system, system);
	}
	ck_assert_uint_eq(n, COUNT(rows));
}
END_TEST

START_TEST(what_is_not_known_is_said_to_be_so)
{
	const uint32_t strange[] = {9, 9999, 10000, 0x80000006u, UINT32_MAX};

	for (size_t i = 0; i < COUNT(strange); i++)
		ck_assert_int_eq(
		    pike__error_from_windows(strange[i]), PIKE_EUNKNOWN);
}
END_TEST

START_TEST(each_code_has_a_name)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		ck_assert_str_ne(pike_error_name(rows[i].code), "?");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("errors");
	TCase *tcase = tcase_create("table");

	tcase_add_loop_test(
	    tcase, each_number_has_its_code, 0, (int)COUNT(rows));
	tcase_add_test(tcase, each_row_is_written_here_once);
	tcase_add_test(tcase, what_is_not_known_is_said_to_be_so);
	tcase_add_test(tcase, each_code_has_a_name);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
