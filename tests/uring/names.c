/* SPDX-License-Identifier: MIT */
/* What things are called in the ring: slots by their address. */
#include "config.h"

#include "backend/uring.h"
#include "use.h"

START_TEST(an_address_comes_back_whatever_its_upper_bits)
{
	uint64_t seed = unit_seed("names");

	for (int i = 0; i < 100000; i++) {
		uintptr_t at = (uintptr_t)unit_below(&seed, UINT32_MAX) << 1;
		struct pike__slot *slot;
		uint64_t name;

		if (sizeof at > 4)
			at |=
			    (uintptr_t)((uint64_t)unit_below(&seed, UINT32_MAX)
					<< 32);
		slot = (struct pike__slot *)at;
		name = pike__uring_short(slot);
		UNIT_CHECK(pike__uring_short_slot(name) == slot);
		/* Neither an id nor a handle's name has it. */
		UNIT_CHECK(name & PIKE__URING_SHORT);
		UNIT_CHECK((int64_t)name < 0);
	}
}
END_TEST

UNIT_MAIN("names", an_address_comes_back_whatever_its_upper_bits)
