/*
 * The transcript lies in memory shared with the child, so that it survives a crash of the child.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "guard.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 20, CPU_SECONDS = 1 };

void transcript_add(transcript *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int added = vsnprintf(t->text + t->size, sizeof t->text - t->size, format, arguments);
    va_end(arguments);
    if (added > 0)
        t->size += (size_t)added < sizeof t->text - t->size ? (size_t)added : sizeof t->text - t->size - 1;
}

void transcript_bytes(transcript *t, const rd_memory *bytes) {
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes->size; i++)
        sum = (sum ^ bytes->data[i]) * 0x100000001b3u;
    transcript_add(t, "%zu bytes of sum %016llx", bytes->size, (unsigned long long)sum);
}

static void limit(int what, rlim_t value) {
    const struct rlimit both_limits = {value, value};
    (void)setrlimit(what, &both_limits);
}

/* What a crashing library prints is of no use here. */
static void be_silent(void) {
    const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null >= 0)
        (void)dup2(null, STDERR_FILENO);
}

/* Without cmocka's handling of signals and failed assertions: it would continue with the next test. */
static void die_plainly(void) {
    static const int signals[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS};
    for (size_t i = 0; i < ITEMS(signals); i++)
        (void)signal(signals[i], SIG_DFL);
    (void)setenv("CMOCKA_TEST_ABORT", "1", 1);
}

static _Noreturn void child(guarded_fn *run, const library *lib, void *context, size_t memory, transcript *t) {
    be_silent();
    die_plainly();
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, CPU_SECONDS);
    if (memory > 0 && !getenv("REDELTA_SANITIZED"))
        limit(RLIMIT_AS, memory);
    (void)alarm(SECONDS);
    run(lib, context, t);
    _exit(0);
}

void guarded(guarded_fn *run, const library *lib, void *context, size_t memory, transcript *t) {
    transcript *const shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = 0;
    assert_true(shared != MAP_FAILED);
    (void)fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(run, lib, context, memory, shared);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    *t = *shared;
    (void)munmap(shared, sizeof *shared);
    if (WIFSIGNALED(status))
        transcript_add(t, "killed by %s", strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        transcript_add(t, "exited with %d", WEXITSTATUS(status));
}
