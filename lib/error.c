/* SPDX-License-Identifier: MIT */
/* The names and texts of the error codes. */
#include "config.h"

#include <pike.h>

/* Functions return codes negated; both signs name the same code. */
static int64_t error_magnitude(int64_t code)
{
	return code < 0 && code >= -INT32_MAX ? -code : code;
}

const char *pike_error_name(int64_t code)
{
#define ERROR_NAME(name, number, text)                                         \
	case number:                                                           \
		return "PIKE_" #name;

	switch (error_magnitude(code)) {
	case PIKE_OK:
		return "PIKE_OK";
		PIKE_ERRORS(ERROR_NAME)
	default:
		return "?";
	}
#undef ERROR_NAME
}

const char *pike_error_text(int64_t code)
{
#define ERROR_TEXT(name, number, text)                                         \
	case number:                                                           \
		return text;

	switch (error_magnitude(code)) {
	case PIKE_OK:
		return "no error";
		PIKE_ERRORS(ERROR_TEXT)
	default:
		return "?";
	}
#undef ERROR_TEXT
}
