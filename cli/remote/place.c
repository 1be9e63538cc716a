/*
 * place.c: see place.h. An IPv6 address stands in brackets, because it has colons: [::1]:path.
 */
#include "cli/remote/place.h"

#include <string.h>

bool place_is_elsewhere(const char *name) {
#if defined(_WIN32)
    const size_t length = strcspn(name, ":/\\");
    const bool drive = length == 1;
#else
    const size_t length = strcspn(name, ":/");
    const bool drive = false;
#endif
    return name[length] == ':' && !drive;
}

/* The colon that ends the host: the first that does not stand in brackets. */
static const char *place_colon(const char *name) {
    const char *const first = strchr(name, ':');
    const char *const open = strchr(name, '[');
    if (open == NULL || open > first || (open != name && open[-1] != '@'))
        return first;
    const char *const closed = strstr(open, "]:");
    return closed != NULL ? closed + 1 : first;
}

/* Without the brackets of an address. */
static void place_take_host(remote_place *place, const char *name, size_t length) {
    const char *const open = name[length - 1] == ']' ? memchr(name, '[', length) : NULL;
    const size_t user = open != NULL ? (size_t)(open - name) : length;
    memcpy(place->host, name, user);
    place->host[user] = '\0';
    if (open == NULL)
        return;
    memcpy(place->host + user, open + 1, length - user - 2);
    place->host[length - 2] = '\0';
}

rd_result place_parse(remote_place *place, const char *name, rd_role role, cli_failure *failure) {
    const char *const colon = place_colon(name);
    const size_t length = (size_t)(colon - name);
    place->path = colon + 1;
    if (strncmp(colon, "://", 3) == 0)
        return failure_refusal(failure, role, "is a URL, and not a host and a path", "write HOST:PATH");
    if (length == 0) /* perhaps of a variable that is not set */
        return failure_refusal(failure, role, "has no host before its colon",
                               "write HOST:PATH, or ./ before a local name");
    if (length >= PLACE_HOST_MAX)
        return failure_refusal(failure, role, "has a host that is too long", "write HOST:PATH");
    place_take_host(place, name, length);
    /* The remote shell would take it for an option. */
    if (place->host[0] == '-' || place->host[0] == '\0' || strstr(place->host, "@-") != NULL)
        return failure_refusal(failure, role, "has a host that begins with a dash, or has no name",
                               "write HOST:PATH, or ./ before a local name");
    if (place->path[0] == '\0')
        return failure_refusal(failure, role, "names no file", "write the name of the file after the colon");
    return RD_OK;
}
