/*
 * Prints the digest of a file as b3sum does: redelta-bench-digest FILE THREADS, 0 threads for all. bench/digest times
 * it next to b3sum.
 */
#define _POSIX_C_SOURCE 200809L
#include "redelta.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc != 3) {
        (void)fputs("usage: redelta-bench-digest FILE THREADS\n", stderr);
        return 2;
    }
    const int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        perror(argv[1]);
        return 1;
    }
    uint8_t digest[RD_DIGEST_LEN];
    rd_error error;
    const rd_source source = rd_source_fd(fd);
    const rd_options options = {
        .size = sizeof options, .threads = (unsigned)strtoul(argv[2], NULL, 10), .error = &error};
    const rd_result result = rd_digest(&source, digest, &options);
    (void)close(fd);
    if (result != RD_OK) {
        (void)fprintf(stderr, "%s: %s\n", argv[1], error.reason);
        return 1;
    }
    for (size_t i = 0; i < sizeof digest; i++)
        (void)printf("%02x", digest[i]);
    (void)printf("  %s\n", argv[1]);
    return 0;
}
