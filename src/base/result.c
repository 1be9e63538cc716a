/* See result.h; and the public text of results. */
#include "base/result.h"

#include <assert.h>

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

const char *rd_version(void) {
    return STRING(RD_VERSION_MAJOR) "." STRING(RD_VERSION_MINOR) "." STRING(RD_VERSION_PATCH);
}

const char *rd_result_name(rd_result result) {
    switch (result) {
#define RESULT_NAME(name, number, message)                                                                             \
    case RD_##name: return "RD_" #name;
        RD_RESULT_MAP(RESULT_NAME)
#undef RESULT_NAME
    }
    return "RD_?";
}

const char *rd_result_message(rd_result result) {
    switch (result) {
#define RESULT_MESSAGE(name, number, message)                                                                          \
    case RD_##name: return message;
        RD_RESULT_MAP(RESULT_MESSAGE)
#undef RESULT_MESSAGE
    }
    return "unknown result";
}

rd_result rd__fail(rd_error *error, rd_result result, rd_role role, uint64_t offset, const char *reason) {
    assert(result != RD_OK && result != RD_MORE && reason);
    *error = (rd_error){.result = result, .role = role, .offset = offset, .reason = reason};
    return result;
}

rd_result rd__fail_system(rd_error *error, rd_role role, int system_error, const char *reason) {
    *error = (rd_error){
        .result = RD_E_IO, .role = role, .system_error = system_error, .offset = RD_UNKNOWN, .reason = reason};
    return RD_E_IO;
}

rd_result rd__fail_memory(rd_error *error) {
    return rd__fail(error, RD_E_MEMORY, RD_ROLE_NONE, RD_UNKNOWN, "out of memory");
}

/* ---- Notes of destinations --------------------------------------------------------------------------------------- */

typedef struct result_note {
    unsigned note;
    const char *name;
    const char *message;
} result_note;

static result_note result_note_of(unsigned note) {
    static const result_note all[] = {
        {RD_NOTE_OWNER, "owner", "its owner or group could not be kept; its mode gives nobody more access than before"},
        {RD_NOTE_MODE, "mode", "its mode could not be set; it gives nobody more access than it should"},
        {RD_NOTE_ACCESS_LIST, "access_list",
         "its access list could not be kept; its mode gives nobody more access than before"},
        {RD_NOTE_ATTRIBUTES, "attributes", "some of its extended attributes could not be kept"},
        {RD_NOTE_TIME, "time", "its time could not be set"},
        {RD_NOTE_IN_PLACE, "in_place",
         "it could not be replaced as a whole, so the new file was written over the old one, which is not atomic"},
        {RD_NOTE_NAME, "name", "it could not get its name in one step, which is not atomic"},
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].note == note)
            return all[i];
    }
    return (result_note){note, "?", "unknown note"};
}

const char *rd_note_name(unsigned note) {
    return result_note_of(note).name;
}

const char *rd_note_message(unsigned note) {
    return result_note_of(note).message;
}
