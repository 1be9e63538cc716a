/*
 * Destinations on Windows: a file has its old content or its whole new one, and nothing else is left in its directory,
 * also if the process is killed. A process that kills itself is this program, started once more with a path.
 */
#include "support.h"

#include <direct.h>
#include <errno.h>
#include <windows.h>

/* ---- A directory for each test ----------------------------------------------------------------------------------- */

enum { PATH_SIZE = 2 * MAX_PATH };

typedef struct place {
    char directory[MAX_PATH];
    char path[PATH_SIZE]; /* of the destination in it */
} place;

/* A path in the directory, for everything but the destination: plain ASCII. Valid until the next call. */
static const char *in_place(const place *p, const char *name) {
    static char path[PATH_SIZE];
    (void)snprintf(path, sizeof path, "%s\\%s", p->directory, name);
    return path;
}

static int set_up(void **state) {
    place *const p = calloc(1, sizeof *p);
    char temporary[MAX_PATH];
    assert_non_null(p);
    assert_true(GetTempPathA(sizeof temporary, temporary) > 0);
    assert_true(GetTempFileNameA(temporary, "rd", 0, p->directory) > 0);
    assert_true(DeleteFileA(p->directory));
    assert_true(CreateDirectoryA(p->directory, NULL));
    (void)snprintf(p->path, sizeof p->path, "%s", in_place(p, "destination"));
    *state = p;
    return 0;
}

/* The names in the directory, of which there are no more than two, in order; each followed by a space. */
static const char *listing(const place *p) {
    static char names[PATH_SIZE];
    char found[2][MAX_PATH] = {"", ""};
    size_t count = 0;
    WIN32_FIND_DATAA entry;
    const HANDLE search = FindFirstFileA(in_place(p, "*"), &entry);
    assert_true(search != INVALID_HANDLE_VALUE);
    do {
        if (strcmp(entry.cFileName, ".") == 0 || strcmp(entry.cFileName, "..") == 0)
            continue;
        assert_true(count < ITEMS(found));
        (void)snprintf(found[count++], MAX_PATH, "%s ", entry.cFileName);
    } while (FindNextFileA(search, &entry));
    assert_true(FindClose(search));
    const size_t first = count == 2 && strcmp(found[0], found[1]) > 0 ? 1 : 0;
    (void)snprintf(names, sizeof names, "%s%s", found[first], found[1 - first]);
    return names;
}

static int tear_down(void **state) {
    place *const p = *state;
    (void)DeleteFileA(p->path);
    const int result = RemoveDirectoryA(p->directory) ? 0 : -1; /* fails if anything else is there */
    free(p);
    return result;
}

static void write_file(const char *path, const char *text) {
    FILE *const file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void check_content(const char *path, const char *text) {
    char bytes[100] = "";
    FILE *const file = fopen(path, "rb");
    assert_non_null(file);
    assert_true(fread(bytes, 1, sizeof bytes - 1, file) < sizeof bytes - 1);
    assert_int_equal(fclose(file), 0);
    assert_string_equal(bytes, text);
}

static rd_destination *opened(const char *path, rd_replace replace) {
    rd_destination *destination = NULL;
    rd_error error = {.result = RD_OK};
    const rd_result result = rd_destination_open(&destination, path, replace, &error);
    check_equal(result, RD_OK, "%s: %s", path, error.reason);
    return destination;
}

static void put(rd_destination *destination, const char *text) {
    const rd_sink sink = rd_destination_sink(destination);
    const rd_source source = rd_source_memory(text, strlen(text));
    const rd_options options = {OPTIONS, .verify = RD_VERIFY_NEVER};
    uint8_t delta[64] = {'r', 's', 2, '6', (uint8_t)strlen(text)};
    assert_true(strlen(text) > 0 && strlen(text) <= 50);
    memcpy(delta + 5, text, strlen(text));
    const rd_source commands = rd_source_memory(delta, 5 + strlen(text) + 1);
    assert_int_equal(rd_patch_apply(&source, &commands, &sink, &options), RD_OK);
}

static void check_commit(rd_destination *destination) {
    rd_error error = {.result = RD_OK};
    const rd_result result = rd_destination_commit(destination, &error);
    check_equal(result, RD_OK, "%s (%d)", error.reason, error.system_error);
}

/* The name of the file that a destination which is being written has meanwhile: the only `.redelta-` in the directory.
 */
static const char *temporary_name(const place *p) {
    static char name[PATH_SIZE];
    WIN32_FIND_DATAA entry;
    const HANDLE search = FindFirstFileA(in_place(p, ".redelta-*"), &entry);
    assert_true(search != INVALID_HANDLE_VALUE);
    (void)snprintf(name, sizeof name, "%s", in_place(p, entry.cFileName));
    assert_false(FindNextFileA(search, &entry));
    assert_true(FindClose(search));
    return name;
}

/* What a run that was killed at the worst moment leaves of the destination. */
static void leave_file(const place *p, rd_replace replace) {
    rd_destination *const destination = opened(p->path, replace);
    const char *const name = temporary_name(p);
    rd_destination_discard(destination);
    write_file(name, "left");
}

/* ---- New and replaced files -------------------------------------------------------------------------------------- */

static void file_gets_its_name_at_the_commit(void **state) {
    const place *const p = *state;
    static const rd_replace all[] = {RD_REPLACE_NEVER, RD_REPLACE_SAFELY, RD_REPLACE_FAST};
    for (size_t i = 0; i < ITEMS(all); i++) {
        rd_destination *const destination = opened(p->path, all[i]);
        put(destination, "new");
        assert_true(GetFileAttributesA(p->path) == INVALID_FILE_ATTRIBUTES);
        check_commit(destination);
        check_content(p->path, "new");
        assert_string_equal(listing(p), "destination ");
        assert_true(DeleteFileA(p->path));
    }
}

static void file_is_replaced_at_the_commit(void **state) {
    const place *const p = *state;
    for (rd_replace replace = RD_REPLACE_SAFELY; replace <= RD_REPLACE_FAST; replace++) {
        write_file(p->path, "old and longer");
        rd_destination *const destination = opened(p->path, replace);
        put(destination, "new");
        check_content(p->path, "old and longer");
        check_commit(destination);
        check_content(p->path, "new");
        assert_string_equal(listing(p), "destination ");
    }
}

static void discarded_file_leaves_nothing(void **state) {
    const place *const p = *state;
    rd_destination *const destination = opened(p->path, RD_REPLACE_SAFELY);
    put(destination, "new");
    rd_destination_discard(destination);
    assert_string_equal(listing(p), "");
}

static void path_is_that_of_the_beginning(void **state) {
    const place *const p = *state;
    char before[MAX_PATH];
    assert_non_null(_getcwd(before, sizeof before));
    assert_int_equal(_chdir(p->directory), 0);
    rd_destination *const destination = opened("destination", RD_REPLACE_NEVER);
    assert_int_equal(_chdir(before), 0);
    put(destination, "new");
    check_commit(destination);
    check_content(p->path, "new");
}

static void names_are_utf8(void **state) {
    const place *const p = *state;
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof path,
                   "%s/gr\xc3\xb6\xc3\x9f"
                   "er \xe6\x97\xa5",
                   p->directory);
    rd_destination *const destination = opened(path, RD_REPLACE_NEVER);
    put(destination, "new");
    check_commit(destination);
    wchar_t wide[PATH_SIZE];
    assert_true(MultiByteToWideChar(CP_UTF8, 0, path, -1, wide, PATH_SIZE) > 0);
    assert_true(wcsstr(wide, L"/gr\u00f6\u00dfer \u65e5") != NULL);
    assert_true(DeleteFileW(wide));
}

/* ---- Refusals ---------------------------------------------------------------------------------------------------- */

static void check_refused(const char *path, rd_replace replace, rd_result result, int system_error) {
    rd_destination *destination = NULL;
    rd_error error = {.result = RD_OK};
    check_equal(rd_destination_open(&destination, path, replace, &error), result, "%s", path);
    check_equal(error.system_error, system_error, "%s: %s", path, error.reason);
    assert_null(destination);
}

static void what_cannot_be_written_is_refused(void **state) {
    const place *const p = *state;
    write_file(p->path, "old");
    check_refused(p->path, RD_REPLACE_NEVER, RD_E_EXISTS, 0);
    check_refused(p->directory, RD_REPLACE_SAFELY, RD_E_IO, EISDIR);
    check_refused(in_place(p, "missing\\destination"), RD_REPLACE_SAFELY, RD_E_IO, ENOENT);
    check_refused("", RD_REPLACE_SAFELY, RD_E_IO, ENOENT);
    check_refused("not \xff UTF-8", RD_REPLACE_SAFELY, RD_E_IO, ENOENT);
    check_content(p->path, "old");
    assert_string_equal(listing(p), "destination ");
}

static void file_that_appears_meanwhile_is_not_overwritten(void **state) {
    const place *const p = *state;
    rd_error error = {.result = RD_OK};
    rd_destination *const destination = opened(p->path, RD_REPLACE_NEVER);
    put(destination, "new");
    write_file(p->path, "appeared");
    assert_int_equal(rd_destination_commit(destination, &error), RD_E_EXISTS);
    check_content(p->path, "appeared");
    assert_string_equal(listing(p), "destination ");
}

static void file_that_is_open_elsewhere_stays(void **state) {
    const place *const p = *state;
    rd_error error = {.result = RD_OK};
    write_file(p->path, "old");
    const HANDLE other = CreateFileA(p->path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    assert_true(other != INVALID_HANDLE_VALUE);
    rd_destination *const destination = opened(p->path, RD_REPLACE_SAFELY);
    put(destination, "new");
    assert_int_equal(rd_destination_commit(destination, &error), RD_E_IO);
    assert_int_equal(error.system_error, EACCES);
    assert_true(CloseHandle(other));
    check_content(p->path, "old");
    assert_string_equal(listing(p), "destination ");
}

/* ---- Killed runs ------------------------------------------------------------------------------------------------- */

/* Of the process that kills itself: with bytes in the file. */
static int be_killed(const char *path) {
    put(opened(path, RD_REPLACE_SAFELY), "half");
    (void)TerminateProcess(GetCurrentProcess(), 9);
    return 0;
}

static void killed_run_leaves_nothing(void **state) {
    const place *const p = *state;
    char program[MAX_PATH];
    char command[3 * PATH_SIZE];
    STARTUPINFOA startup = {.cb = sizeof startup};
    PROCESS_INFORMATION process;
    DWORD status = 0;
    write_file(p->path, "old");
    assert_true(GetModuleFileNameA(NULL, program, sizeof program) > 0);
    (void)snprintf(command, sizeof command, "\"%s\" \"%s\"", program, p->path);
    assert_true(CreateProcessA(program, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process));
    assert_int_equal(WaitForSingleObject(process.hProcess, INFINITE), WAIT_OBJECT_0);
    assert_true(GetExitCodeProcess(process.hProcess, &status));
    assert_int_equal(status, 9);
    assert_true(CloseHandle(process.hThread) && CloseHandle(process.hProcess));
    assert_string_equal(listing(p), "destination ");
    check_content(p->path, "old");
}

static void next_run_removes_what_was_left(void **state) {
    const place *const p = *state;
    leave_file(p, RD_REPLACE_NEVER);
    rd_destination *const destination = opened(p->path, RD_REPLACE_NEVER);
    put(destination, "new");
    check_commit(destination);
    assert_string_equal(listing(p), "destination ");
    leave_file(p, RD_REPLACE_FAST);
    check_refused(p->path, RD_REPLACE_NEVER, RD_E_EXISTS, 0);
    assert_string_equal(listing(p), "destination ");
}

static void what_is_in_use_is_not_taken_for_left(void **state) {
    const place *const p = *state;
    rd_destination *all[12]; /* more than there are places */
    char text[20];
    for (size_t i = 0; i < ITEMS(all); i++) {
        all[i] = opened(p->path, RD_REPLACE_FAST);
        (void)snprintf(text, sizeof text, "new %zu", i);
        put(all[i], text);
    }
    for (size_t i = 0; i < ITEMS(all); i++) {
        check_commit(all[i]);
        (void)snprintf(text, sizeof text, "new %zu", i);
        check_content(p->path, text);
    }
    assert_string_equal(listing(p), "destination ");
}

/* ---- A directory ------------------------------------------------------------------------------------------------- */

static rd_directory *opened_directory(const char *path) {
    rd_directory *directory = NULL;
    rd_error error = {.result = RD_OK};
    const rd_result result = rd_directory_open(&directory, path, &error);
    check_equal(result, RD_OK, "%s: %s (%d)", path, error.reason, error.system_error);
    return directory;
}

static void files_are_written_in_a_directory(void **state) {
    const place *const p = *state;
    static const rd_replace all[] = {RD_REPLACE_NEVER, RD_REPLACE_SAFELY, RD_REPLACE_FAST};
    const char *name = "?";
    rd_directory *const directory = opened_directory(p->directory);
    for (size_t i = 0; i < ITEMS(all); i++) {
        char text[20];
        rd_destination *destination = NULL;
        (void)snprintf(text, sizeof text, "new %zu", i);
        assert_int_equal(rd_destination_open_at(&destination, directory, "destination", all[i], NULL), RD_OK);
        put(destination, text);
        check_commit(destination);
        assert_int_equal(rd_directory_flush(directory, &name, NULL), RD_OK);
        assert_null(name);
        check_content(p->path, text);
        assert_string_equal(listing(p), "destination ");
    }
    assert_int_equal(rd_directory_close(directory, NULL), RD_OK);
    rd_directory_discard(NULL);
}

static void check_refused_at(rd_directory *directory, const char *name, rd_replace replace, rd_result result,
                             int system_error) {
    rd_destination *destination = (rd_destination *)&destination;
    rd_error error = {.result = RD_OK};
    check_equal(rd_destination_open_at(&destination, directory, name, replace, &error), result, "%s", name);
    check_equal(error.system_error, system_error, "%s: %s", name, error.reason);
    assert_null(destination);
}

static void what_cannot_be_written_in_a_directory_is_refused(void **state) {
    const place *const p = *state;
    rd_error error = {.result = RD_OK};
    rd_directory *directory = (rd_directory *)&directory;
    assert_int_equal(rd_directory_open(&directory, in_place(p, "missing"), &error), RD_E_IO);
    assert_null(directory);
    assert_int_equal(error.system_error, ENOENT);
    write_file(p->path, "old");
    assert_int_equal(rd_directory_open(&directory, p->path, &error), RD_E_IO);
    assert_null(directory);
    directory = opened_directory(p->directory);
    check_refused_at(directory, "destination", RD_REPLACE_NEVER, RD_E_EXISTS, 0);
    check_refused_at(directory, "destination", (rd_replace)9, RD_E_PARAMETER, 0);
    check_refused_at(directory, "", RD_REPLACE_FAST, RD_E_IO, EISDIR);
    check_refused_at(directory, "..", RD_REPLACE_FAST, RD_E_IO, EISDIR);
    check_refused_at(directory, "a/b", RD_REPLACE_FAST, RD_E_PARAMETER, 0);
    check_refused_at(directory, "a\\b", RD_REPLACE_FAST, RD_E_PARAMETER, 0);
    check_refused_at(directory, "c:b", RD_REPLACE_FAST, RD_E_PARAMETER, 0);
    check_refused_at(directory, ".redelta-0123456789abcdef-0", RD_REPLACE_FAST, RD_E_PARAMETER, 0);
    check_refused(p->path, (rd_replace)9, RD_E_PARAMETER, 0);
    rd_directory_discard(directory);
    check_content(p->path, "old");
    assert_string_equal(listing(p), "destination ");
}

static void opening_a_directory_removes_what_was_left(void **state) {
    const place *const p = *state;
    rd_destination *const in_use = opened(p->path, RD_REPLACE_FAST);
    write_file(in_place(p, ".redelta-0123456789abcdef-7"), "left");
    rd_directory_discard(opened_directory(p->directory));
    put(in_use, "new");
    check_commit(in_use);
    assert_string_equal(listing(p), "destination ");
}

int main(int argc, char **argv) {
    if (argc > 1)
        return be_killed(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(file_gets_its_name_at_the_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_is_replaced_at_the_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(discarded_file_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(path_is_that_of_the_beginning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_are_utf8, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_that_appears_meanwhile_is_not_overwritten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_that_is_open_elsewhere_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(killed_run_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(next_run_removes_what_was_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_in_use_is_not_taken_for_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_are_written_in_a_directory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_in_a_directory_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(opening_a_directory_removes_what_was_left, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
