/*
 * version.c: see version.h.
 */
#include "cli/report/version.h"

#include "cli/base/files.h"
#include "cli/report/records.h"
#include "cli/report/report.h"

static rd_result version_print_text(cli_failure *failure) {
    const char *const zstd = rd_zstd_version();
    (void)printf("redelta %s\nBuilt with%s%s; kernels in use: %s.\n"
                 "MIT license; no warranty.\n",
                 rd_version(), zstd != NULL ? " zstd " : "out zstd", zstd != NULL ? zstd : "", rd_kernels_name());
    return output_check_printed(failure);
}

static rd_result version_print_record(const char *file, cli_failure *failure) {
    const rd_result result = records_open(file, failure);
    if (result != RD_OK)
        return result;
    json_writer *const record = record_start("version");
    json_text(record, "version", rd_version());
    json_text(record, "zstd", rd_zstd_version());
    json_text(record, "kernels", rd_kernels_name());
    record_end(record);
    return records_close(failure);
}

int version_print(bool json, const char *json_file) {
    cli_failure failure = {0};
    const rd_result result = json ? version_print_record(json_file, &failure) : version_print_text(&failure);
    if (result != RD_OK)
        report_failure(NULL, output_name(json_file), &failure);
    return report_status(result);
}
