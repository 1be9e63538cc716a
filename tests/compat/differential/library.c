/*
 * Loading of the two libraries. Each is opened by its path, so that equal sonames do not make them one, and RTLD_LOCAL,
 * so that neither finds its own functions in the other.
 */
#include "library.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

library stock = {.name = "stock"};
library ours = {.name = "ours"};
library *const both[2] = {&stock, &ours};

static _Noreturn void die(const char *what, const char *why) {
    (void)fprintf(stderr, "%s: %s\n", what, why ? why : "?");
    exit(EXIT_FAILURE);
}

static const char *setting(const char *name) {
    const char *const value = getenv(name);
    if (!value || !*value)
        die(name, "is not set; run this test with ctest");
    return value;
}

static void *symbol(void *handle, const char *name) {
    void *const address = dlsym(handle, name);
    if (!address)
        die(name, dlerror());
    return address;
}

static void quiet(rs_loglevel level, char const *message) {
    (void)level;
    (void)message;
}

static void load(library *table, const char *path) {
    void *const handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        die(path, dlerror());
        /* POSIX: a function's address fits a void pointer; C has no cast for it, so the bytes are copied. */
#define LIBRARY_LOAD(function, result, parameters)                                                                     \
    {                                                                                                                  \
        void *const address = symbol(handle, "rs_" #function);                                                         \
        memcpy(&table->function, &address, sizeof address);                                                            \
    }
    LIBRARY_FUNCTIONS(LIBRARY_LOAD)
#undef LIBRARY_LOAD
    table->inbuflen = symbol(handle, "rs_inbuflen");
    table->outbuflen = symbol(handle, "rs_outbuflen");
    table->md4_sum_length = symbol(handle, "RS_MD4_SUM_LENGTH");
    table->blake2_sum_length = symbol(handle, "RS_BLAKE2_SUM_LENGTH");
    table->version = symbol(handle, "rs_librsync_version");
    table->trace_to(quiet);
}

void libraries_load(void) {
    load(&stock, setting("REDELTA_STOCK_LIBRSYNC"));
    load(&ours, setting("REDELTA_LIBRSYNC"));
    if (stock.version == ours.version)
        die("REDELTA_LIBRSYNC", "is the stock library");
}
