# SPDX-License-Identifier: MIT
#
# The pages, by topic, and for every other function that one describes a page
# of a line that leads there.  A new alias is one word in man_alias_of and one
# in man_aliases; tests/man/pages.sh tells when one is missing.

dist_man_MANS += \
	man/pike.7 \
	man/pike_addr.3 \
	man/pike_adopt.3 \
	man/pike_backend.3 \
	man/pike_cancel.3 \
	man/pike_error.3 \
	man/pike_group.3 \
	man/pike_ops.7 \
	man/pike_pollable.3 \
	man/pike_post.3 \
	man/pike_queue_open.3 \
	man/pike_reap.3 \
	man/pike_submit.3 \
	man/pike_version.3

man_alias_of = \
	pike_addr_format=pike_addr \
	pike_addr_from=pike_addr \
	pike_addr_parse=pike_addr \
	pike_addr_to=pike_addr \
	pike_backend_at=pike_backend \
	pike_backend_name=pike_backend \
	pike_backend_report=pike_backend \
	pike_cancel_handle=pike_cancel \
	pike_completion_size=pike_version \
	pike_error_name=pike_error \
	pike_error_text=pike_error \
	pike_fd_of=pike_adopt \
	pike_group_buffer=pike_group \
	pike_group_close=pike_group \
	pike_group_open=pike_group \
	pike_group_return=pike_group \
	pike_op_size=pike_version \
	pike_opcode_name=pike_error \
	pike_queue_close=pike_queue_open \
	pike_release=pike_adopt \
	pike_route=pike_backend \
	pike_submit_many=pike_submit \
	pike_version_text=pike_version \
	pike_wake=pike_post

man_aliases = \
	man/pike_addr_format.3 \
	man/pike_addr_from.3 \
	man/pike_addr_parse.3 \
	man/pike_addr_to.3 \
	man/pike_backend_at.3 \
	man/pike_backend_name.3 \
	man/pike_backend_report.3 \
	man/pike_cancel_handle.3 \
	man/pike_completion_size.3 \
	man/pike_error_name.3 \
	man/pike_error_text.3 \
	man/pike_fd_of.3 \
	man/pike_group_buffer.3 \
	man/pike_group_close.3 \
	man/pike_group_open.3 \
	man/pike_group_return.3 \
	man/pike_op_size.3 \
	man/pike_opcode_name.3 \
	man/pike_queue_close.3 \
	man/pike_release.3 \
	man/pike_route.3 \
	man/pike_submit_many.3 \
	man/pike_version_text.3 \
	man/pike_wake.3

$(man_aliases): man/local.mk
	@$(MKDIR_P) man
	$(AM_V_GEN)for pair in $(man_alias_of); do \
	  if test "$@" = "man/$${pair%=*}.3"; then \
	    echo ".so man3/$${pair#*=}.3" >$@; \
	  fi; \
	done

nodist_man_MANS = $(man_aliases)
CLEANFILES += $(man_aliases)
