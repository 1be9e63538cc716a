/*
 * What the functions of the module take by keyword: the library's options, and the settings of a call from Python. All
 * functions take all of them, and use those that apply; files and signatures come first, by position. The Python code
 * has checked the numbers.
 */
#ifndef REDELTA_EXT_SETTINGS_H
#define REDELTA_EXT_SETTINGS_H

#include "module.h"

typedef struct settings {
    /*
     * weak, strong, block_len, strong_len, compression, verify, output_max, blocks_max, memory_max, threads, changed,
     * sparse, form, max_rounds
     */
    rd_options options;
    int main;           /* this is the interpreter's main thread */
    PyObject *progress; /* a callable or None */
    PyObject *names;    /* of the files, by role, for exceptions; or None */
    PyObject *context;  /* or None */
    int flush;          /* a path gets its new file once that is on the disk */
} settings;

/* Reads the keywords, NULL for none; missing ones are 0, false or None. False, with an exception set, on failure. */
bool settings_read(settings *s, PyObject *keywords);

#endif
