/* The state of MD4 that programs see by its name only. */
#ifndef RS_MDFOUR_H
#define RS_MDFOUR_H

#include "hash/md4.h"
#include "librsync.h"

struct rs_mdfour {
    rd__md4 md4;
};

#endif
