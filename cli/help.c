/*
 * help.c: the texts that explain the command, as they are printed: at most 79 columns and 24 lines each, so that a
 * terminal of any age shows them whole. They are plain strings and not built from the table of options: the words that
 * help differ from verb to verb. What is the same for most verbs is explained in the overall help, and the others have
 * it in short.
 */
#include "help.h"

#include <stddef.h>

/* The options of all verbs; those of verbs that make a file. */
#define COMMON                                                                                                         \
    "Common options (see 'redelta --help'):\n"                                                                         \
    "  -T, --threads N   -s, --stats   -v, --verbose   -q, --quiet\n"                                                  \
    "  --progress   --no-progress   --json[=FILE]\n"
#define COMMON_AND_FORCE                                                                                               \
    "Common options (see 'redelta --help'):\n"                                                                         \
    "  -f, --force   -T, --threads N   -s, --stats   -v, --verbose   -q, --quiet\n"                                    \
    "  --progress   --no-progress   --json[=FILE]\n"

static const char overall[] = "Usage: redelta VERB [OPTION]... [FILE]...\n"
                              "\n"
                              "Bring an old file (the basis) up to date over a thin line, in three steps:\n"
                              "  signature [BASIS [SIGNATURE]]      where the old file is: sums of its blocks\n"
                              "  delta SIGNATURE [NEWFILE [DELTA]]  where the new file is: what is new in it\n"
                              "  patch BASIS [DELTA [NEWFILE]]      where the old file is: make the new file\n"
                              "And besides:\n"
                              "  sync OLD NEW                       all of it at once: make OLD equal to NEW\n"
                              "  verify DELTA [FILE]                say whether FILE is what DELTA makes\n"
                              "  inspect [FILE]                     say what a signature or a delta holds\n"
                              "  estimate OLDFILE NEWFILE           say what would travel, and advise\n"
                              "'redelta VERB --help' tells more; s, d, p and v are short for the verbs. A\n"
                              "missing name, or -, is standard input or output. Options of most verbs:\n"
                              "  -f, --force         replace the output if it exists\n"
                              "  -T, --threads N     work with N threads; 0 (default): one a processor\n"
                              "  -s, --stats         say what was done, on standard error\n"
                              "  -v, --verbose       say what is being done, on standard error\n"
                              "  -q, --quiet         say nothing but errors\n"
                              "      --progress      show how far it is, always; --no-progress: never\n"
                              "      --json[=FILE]   write JSON for programs to standard output or FILE\n"
                              "  -h, --help          this text; after a verb, more about it\n"
                              "  -V, --version       the version and the license\n"
                              "Exit status: 0 done; 1 reading or writing failed; 2 wrong command line; 3 wrong\n"
                              "or corrupt input; 4 the result is not NEWFILE; 5 equal files, with --exit-code.\n";

static const char signature[] = "Usage: redelta signature [OPTION]... [BASIS [SIGNATURE]]\n"
                                "\n"
                                "Make the signature of BASIS, the old file: a weak sum and a strong sum of each\n"
                                "of its blocks. A missing name, or -, is standard input or output.\n"
                                "\n"
                                "  -b, --block-size SIZE  bytes in a block; 0 (default): fit for the basis\n"
                                "  -S, --sum-size SIZE    bytes of a strong sum; 0 (default): all of them;\n"
                                "                         -1: the fewest that are safe against chance\n"
                                "  -H, --hash NAME        strong sum: blake2 (default) or md4 (can be forged)\n"
                                "  -R, --rollsum NAME     weak sum: rabinkarp (default) or rollsum (old)\n"
                                "  -z[N], --compress[=N]  compress by zstd at level N, 1 to 22 (without N: 3)\n"
                                "      --max-output SIZE  write no more than SIZE bytes\n" COMMON_AND_FORCE "\n"
                                "A SIZE may end in K, M or G: times 1024, 1024 squared, 1024 cubed.\n"
                                "A larger block makes a smaller signature and, as a rule, a larger delta.\n"
                                "\n"
                                "Example:\n"
                                "  redelta signature old.tar old.sig\n";

static const char delta[] =
    "Usage: redelta delta [OPTION]... SIGNATURE [NEWFILE [DELTA]]\n"
    "\n"
    "Make the delta that turns the basis of SIGNATURE into NEWFILE: the parts that\n"
    "the basis has are copied from it, the rest travels in the delta. A missing\n"
    "name, or -, is standard input or output; only one input can be standard input.\n"
    "\n"
    "  -z[N], --compress[=N]  compress by zstd at level N, 1 to 22 (without N: 3)\n"
    "      --no-verify        leave out what lets patch verify its result\n"
    "      --max-output SIZE  write no more than SIZE bytes\n"
    "      --max-memory SIZE  refuse a SIGNATURE that needs more memory\n"
    "      --max-blocks N     refuse a SIGNATURE of more blocks\n"
    "      --exit-code        if NEWFILE is the basis, end with status 5, not 0\n" COMMON_AND_FORCE "\n"
    "The signature is held in memory while the delta is made. The limits are for\n"
    "files from strangers; a SIZE may end in K, M or G.\n"
    "\n"
    "Example:\n"
    "  redelta delta --stats old.sig new.tar new.delta\n";

static const char patch[] =
    "Usage: redelta patch [OPTION]... BASIS [DELTA [NEWFILE]]\n"
    "\n"
    "Make NEWFILE from BASIS, the old file, and DELTA. BASIS must be the file that\n"
    "the signature was made of. A missing name, or -, is standard input or output;\n"
    "only one input can be standard input.\n"
    "\n"
    "      --no-verify        do not verify the result\n"
    "      --always-verify    refuse a DELTA that does not let it be verified\n"
    "      --max-output SIZE  refuse a DELTA that makes more; K, M, G as SIZE's end\n"
    "      --max-memory SIZE  refuse a compressed DELTA that needs more memory\n" COMMON_AND_FORCE "\n"
    "BASIS is read in any order, so it must be a file and not a pipe. NEWFILE may be\n"
    "BASIS itself: it is replaced when the new file is complete, not before.\n"
    "\n"
    "Examples:\n"
    "  redelta patch old.tar new.delta new.tar\n"
    "  redelta patch --force data.tar new.delta data.tar\n";

static const char verify[] = "Usage: redelta verify [OPTION]... DELTA [FILE]\n"
                             "\n"
                             "Say whether FILE is what DELTA makes, by the digest at the end of it. Neither\n"
                             "the basis nor a patch is needed. A missing name, or -, is standard input; only\n"
                             "one input can be standard input. Status 0: it is; 4: it is not, or DELTA was\n"
                             "made with --no-verify or by rdiff and cannot tell.\n"
                             "\n"
                             "      --max-memory SIZE  refuse a compressed DELTA that needs more memory\n" COMMON "\n"
                             "Example:\n"
                             "  redelta verify new.delta new.tar\n";

static const char sync[] = "Usage: redelta sync [OPTION]... OLD NEW\n"
                           "\n"
                           "Make the file OLD equal to NEW by signature, delta and patch in one go, and say\n"
                           "what would have travelled. OLD is replaced when its new contents are complete\n"
                           "and verified, not before, and keeps its mode; if it is missing, it is created,\n"
                           "and if it is equal to NEW, it is left alone. NEW may be -, standard input.\n"
                           "\n"
                           "  -b, --block-size SIZE  bytes in a block; 0 (default): fit for OLD\n"
                           "      --exit-code        if OLD was equal to NEW, end with status 5, not 0\n" COMMON "\n"
                           "A name with a colon, as in host:file, is kept for files on other machines, which\n"
                           "sync cannot reach yet: put ./ before a local name with a colon in it. If OLD is\n"
                           "a symbolic link, the link is replaced and not the file that it names.\n"
                           "\n"
                           "Example:\n"
                           "  redelta sync backup/disk.img disk.img\n";

static const char inspect[] = "Usage: redelta inspect [OPTION]... [FILE]\n"
                              "\n"
                              "Say what FILE is, a signature or a delta, and what is in it. Of a delta: how\n"
                              "much of the new file is copied and how much is literal, that is, travels; in\n"
                              "pieces of which lengths, and where; and its digest. A missing name, or -, is\n"
                              "standard input. Status 3: FILE is neither.\n"
                              "\n"
                              "      --ops              list the commands of a delta instead, one a line\n"
                              "      --html OUT         write a page with a map of the delta to OUT instead\n"
                              "      --max-memory SIZE  refuse a signature that needs more memory\n"
                              "      --max-blocks N     refuse a signature of more blocks\n" COMMON_AND_FORCE "\n"
                              "The page needs nothing but itself; a browser shows it, also without a network.\n"
                              "\n"
                              "Examples:\n"
                              "  redelta inspect new.delta\n"
                              "  redelta inspect --html map.html new.delta\n";

static const char estimate[] = "Usage: redelta estimate [OPTION]... OLDFILE NEWFILE\n"
                               "\n"
                               "Say what would travel to make NEWFILE of OLDFILE: signature, delta, and the\n"
                               "delta compressed, at several block lengths; and which one to choose, and why.\n"
                               "It tells, too, if the files are compressed or encrypted, so that none helps.\n"
                               "\n"
                               "  -S, --sum-size SIZE    bytes of a strong sum; 0 (default): all of them;\n"
                               "                         -1: the fewest that are safe against chance\n"
                               "  -H, --hash NAME        strong sum: blake2 (default) or md4 (can be forged)\n"
                               "  -R, --rollsum NAME     weak sum: rabinkarp (default) or rollsum (old)\n"
                               "      --exit-code        if the files are equal, end with status 5, not 0\n" COMMON "\n"
                               "Nothing is written, but both files are read once for each length: it takes as\n"
                               "long as making some five to eight deltas. So both must be files, not pipes.\n"
                               "\n"
                               "Example:\n"
                               "  redelta estimate old.tar new.tar\n";

const char *help_text(cli_verb verb) {
    static const char *const texts[VERBS] = {
        [VERB_NONE] = overall,  [VERB_SIGNATURE] = signature, [VERB_DELTA] = delta,     [VERB_PATCH] = patch,
        [VERB_VERIFY] = verify, [VERB_SYNC] = sync,           [VERB_INSPECT] = inspect, [VERB_ESTIMATE] = estimate,
    };
    return texts[verb];
}

const char *help_short(void) {
    return "Usage: redelta signature [BASIS [SIGNATURE]]\n"
           "       redelta delta SIGNATURE [NEWFILE [DELTA]]\n"
           "       redelta patch BASIS [DELTA [NEWFILE]]\n"
           "       redelta verify DELTA [FILE]\n"
           "       redelta sync OLD NEW\n"
           "       redelta inspect [FILE]\n"
           "       redelta estimate OLDFILE NEWFILE\n"
           "Try 'redelta --help'.\n";
}
