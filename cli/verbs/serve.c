/*
 * serve.c: the verb serve, the side of a sync that runs on the other machine. The client is told what goes wrong, and
 * shows it; so nothing is printed here but what no client can know.
 */
#include "cli/remote/server.h"
#include "cli/verbs/verbs.h"

static const char serve_help[] = "Usage: redelta serve --stdio [OPTION]...\n"
                                 "\n"
                                 "The other side of 'redelta sync' with a file on this machine, which starts it\n"
                                 "over ssh. It talks a protocol on standard input and output, about one file, and\n"
                                 "ends. Whoever may start it can read and write the files of its user, as far as\n"
                                 "these options let him.\n"
                                 "\n"
                                 "      --stdio            serve the client at standard input and output\n"
                                 "      --root DIRECTORY   serve only files in DIRECTORY, and follow no link out\n"
                                 "      --read-only        let files be fetched, but none be changed\n"
                                 "      --max-output SIZE  take no file of more than SIZE bytes\n"
                                 "  -T, --threads N        use N threads; 0 (default): one per processor\n"
                                 "\n"
                                 "Examples:\n"
                                 "  redelta serve --stdio --root /backup\n"
                                 "In ~/.ssh/authorized_keys, a key that can do nothing else:\n"
                                 "  restrict,command=\"redelta serve --stdio --root /backup\" ssh-ed25519 AAAA...\n";

static rd_result serve_whole(cli_job *job) {
    const cli_request *const request = job->request;
    const server_rules rules = {.root = request->root,
                                .read_only = request->read_only,
                                .threads = request->threads,
                                .max_output = request->limits.output};
    return server_run(&rules, &job->told, &job->failure);
}

const cli_verb verb_serve = {
    .name = "serve",
    .operands = "--stdio",
    .summary = "the other side of a sync over ssh",
    .help = serve_help,
    .options = OPTION_BIT(STDIO) | OPTION_BIT(ROOT) | OPTION_BIT(READ_ONLY) | OPTION_BIT(MAX_OUTPUT),
    .plain = true,
    .inputs = 0,
    .outputs = 0,
    .whole = serve_whole,
};
