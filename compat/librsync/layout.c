/*
 * What programs built against librsync's header have compiled in: sizes, offsets and numbers. They are checked here at
 * compile time, for 64-bit machines, where the sizes of the types are known. Also the variables, which such programs
 * may have copied into themselves by their size.
 */
#include "librsync.h"
#include "mdfour.h"

#include <stddef.h>

const char rs_librsync_version[] = "librsync 2.3.2";
int rs_inbuflen = 0;
int rs_outbuflen = 0;

_Static_assert(sizeof rs_librsync_version == 15, "the size of the version string");
_Static_assert(sizeof(struct rs_mdfour) <= 96, "the size of librsync's state of MD4");
_Static_assert(sizeof(rs_long_t) == 8 && sizeof(rs_weak_sum_t) == 4 && sizeof(rs_strong_sum_t) == 32, "the types");

#define VALUE(name, number) _Static_assert((name) == (number), #name)

VALUE(RS_DELTA_MAGIC, 0x72730236);
VALUE(RS_MD4_SIG_MAGIC, 0x72730136);
VALUE(RS_BLAKE2_SIG_MAGIC, 0x72730137);
VALUE(RS_RK_MD4_SIG_MAGIC, 0x72730146);
VALUE(RS_RK_BLAKE2_SIG_MAGIC, 0x72730147);
VALUE(RS_LOG_EMERG, 0);
VALUE(RS_LOG_DEBUG, 7);
VALUE(RS_DONE, 0);
VALUE(RS_BLOCKED, 1);
VALUE(RS_RUNNING, 2);
VALUE(RS_TEST_SKIPPED, 77);
VALUE(RS_IO_ERROR, 100);
VALUE(RS_SYNTAX_ERROR, 101);
VALUE(RS_MEM_ERROR, 102);
VALUE(RS_INPUT_ENDED, 103);
VALUE(RS_BAD_MAGIC, 104);
VALUE(RS_UNIMPLEMENTED, 105);
VALUE(RS_CORRUPT, 106);
VALUE(RS_INTERNAL_ERROR, 107);
VALUE(RS_PARAM_ERROR, 108);
VALUE(RS_MAX_STRONG_SUM_LENGTH, 32);
VALUE(RS_DEFAULT_BLOCK_LEN, 2048);
VALUE(RS_DEFAULT_MIN_STRONG_LEN, 12);

#if UINTPTR_MAX == UINT64_MAX
#define OFFSET(type, field, bytes) _Static_assert(offsetof(type, field) == (bytes), #type "." #field)

OFFSET(rs_buffers_t, next_in, 0);
OFFSET(rs_buffers_t, avail_in, 8);
OFFSET(rs_buffers_t, eof_in, 16);
OFFSET(rs_buffers_t, next_out, 24);
OFFSET(rs_buffers_t, avail_out, 32);
_Static_assert(sizeof(rs_buffers_t) == 40, "rs_buffers_t");

OFFSET(rs_stats_t, op, 0);
OFFSET(rs_stats_t, lit_cmds, 8);
OFFSET(rs_stats_t, lit_bytes, 16);
OFFSET(rs_stats_t, lit_cmdbytes, 24);
OFFSET(rs_stats_t, copy_cmds, 32);
OFFSET(rs_stats_t, copy_bytes, 40);
OFFSET(rs_stats_t, copy_cmdbytes, 48);
OFFSET(rs_stats_t, sig_cmds, 56);
OFFSET(rs_stats_t, sig_bytes, 64);
OFFSET(rs_stats_t, false_matches, 72);
OFFSET(rs_stats_t, sig_blocks, 80);
OFFSET(rs_stats_t, block_len, 88);
OFFSET(rs_stats_t, in_bytes, 96);
OFFSET(rs_stats_t, out_bytes, 104);
OFFSET(rs_stats_t, start, 112);
OFFSET(rs_stats_t, end, 120);
_Static_assert(sizeof(rs_stats_t) == 128, "rs_stats_t");
#endif
