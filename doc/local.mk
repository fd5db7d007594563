# SPDX-License-Identifier: MIT

dist_doc_DATA += \
	doc/DESIGN.md \
	doc/KERNEL-NOTES.md \
	doc/MIGRATING.md \
	doc/PERFORMANCE.md \
	doc/RELEASING.md \
	doc/SEMANTICS.md \
	doc/STYLE.md
