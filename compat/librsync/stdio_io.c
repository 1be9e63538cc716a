/* See stdio_io.h. */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64
#include "stdio_io.h"

#include <sys/stat.h>
#include <unistd.h>

/*
 * Moves the descriptor of a regular file to the FILE's position. False: the FILE is no such file, or its position is
 * not known. A failed flush fails again when the FILE is used.
 */
static bool stdio_align(FILE *file, rs_long_t *position) {
    struct stat status;
    const int fd = fileno(file);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || fflush(file) != 0)
        return false;
    const off_t at = ftello(file);
    *position = (rs_long_t)at;
    return at >= 0 && lseek(fd, 0, SEEK_CUR) == at;
}

static rd_result stdio_read(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    FILE *const file = context;
    (void)offset;
    *got = fread(data, 1, size, file);
    return *got == 0 && ferror(file) ? RD_E_IO : RD_OK;
}

static rd_result stdio_read_basis(void *context, uint64_t offset, void *data, size_t size, size_t *got) {
    FILE *const file = context;
    return fseeko(file, (off_t)offset, SEEK_SET) == 0 ? stdio_read(file, offset, data, size, got) : RD_E_IO;
}

void rs__input_open(rs__input *input, FILE *file) {
    *input = (rs__input){.file = file};
    input->direct = stdio_align(file, &input->position);
    input->source =
        input->direct ? rd_source_fd(fileno(file)) : rd_source_callback(stdio_read, file, RD_UNKNOWN, false);
}

void rs__input_open_basis(rs__input *input, FILE *file) {
    *input = (rs__input){.file = file};
    const int fd = fileno(file);
    input->direct = stdio_align(file, &input->position) && lseek(fd, 0, SEEK_SET) == 0;
    if (!input->direct) {
        input->source = rd_source_callback(stdio_read_basis, file, RD_UNKNOWN, true);
        return;
    }
    input->source = rd_source_fd(fd); /* it starts at the position, which was set to 0 for that */
    (void)lseek(fd, (off_t)input->position, SEEK_SET);
}

/* Sets the position, and the FILE's mark of its end as a read there would. */
static void stdio_leave_at(FILE *file, uint64_t offset, bool ended) {
    (void)fseeko(file, (off_t)offset, SEEK_SET);
    const int c = ended ? getc(file) : EOF;
    if (c != EOF)
        (void)ungetc(c, file);
}

void rs__input_close(rs__input *input, uint64_t bytes) {
    if (input->direct)
        stdio_leave_at(input->file, (uint64_t)input->position + bytes, bytes >= input->source.size);
}

void rs__input_close_basis(rs__input *input, uint64_t reached, bool ended) {
    if (input->direct && reached != RD_UNKNOWN)
        stdio_leave_at(input->file, reached, ended);
}

static rd_result stdio_write(void *context, const void *data, size_t size) {
    FILE *const file = context;
    return fwrite(data, 1, size, file) == size ? RD_OK : RD_E_IO;
}

void rs__output_open(rs__output *output, FILE *file) {
    rs_long_t position = 0;
    *output = (rs__output){.file = file};
    output->direct = stdio_align(file, &position);
    output->sink = output->direct ? rd_sink_fd(fileno(file)) : rd_sink_callback(stdio_write, file);
}

bool rs__output_close(rs__output *output) {
    if (!output->direct)
        return fflush(output->file) == 0;
    const off_t at = lseek(fileno(output->file), 0, SEEK_CUR);
    return at >= 0 && fseeko(output->file, at, SEEK_SET) == 0;
}

bool rs__same_file(FILE *a, FILE *b) {
    struct stat of_a;
    struct stat of_b;
    const int fd_a = fileno(a);
    const int fd_b = fileno(b);
    return fd_a >= 0 && fd_b >= 0 && fstat(fd_a, &of_a) == 0 && fstat(fd_b, &of_b) == 0 && S_ISREG(of_a.st_mode) &&
           of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}
