// A test run and what belongs to it.
//
// Before `main`, while there is one thread and the environment may still be changed, the runner of the tests makes a folder for
// everything temporary (TMPDIR), puts its name into the environment of everything that it starts (MSAAS_TEST_RUN), and starts a
// keeper (keeper.sh) in a session of its own. The keeper reads from a pipe whose other end only the runner holds. However the
// runner ends, the pipe ends with it, and the keeper ends every process that belongs to the run and removes the folder.

#define _GNU_SOURCE
#include "TestRun.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX];

const char *test_run_folder(void) { return folder; }

static void fail(const char *what) {
    perror(what);
    _exit(1);
}

/// The path of keeper.sh, beside this file.
static void find_keeper(char *path, size_t size) {
    const char *slash = strrchr(__FILE__, '/');
    snprintf(path, size, "%.*s/keeper.sh", slash ? (int)(slash - __FILE__) : 1, slash ? __FILE__ : ".");
}

__attribute__((constructor)) static void begin_test_run(void) {
    const char *outer = getenv("MSAAS_TEST_RUN");
    if (outer != NULL) { // A test started the runner again: one run.
        snprintf(folder, sizeof folder, "%s", outer);
        return;
    }
    const char *place = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/msaas-test-XXXXXX", place != NULL && *place != 0 ? place : "/tmp");
    if (mkdtemp(folder) == NULL) fail(folder);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe2");
    char keeper[PATH_MAX];
    find_keeper(keeper, sizeof keeper);
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        setsid();
        int nothing = open("/dev/null", O_WRONLY);
        if (chdir("/") != 0 || dup2(ends[0], 0) < 0 || dup2(nothing, 1) < 0 || dup2(nothing, 2) < 0) _exit(1);
        close_range(3, ~0U, 0);
        execl("/bin/sh", "sh", keeper, "keep", folder, (char *)NULL);
        _exit(1);
    }
    close(ends[0]);
    setenv("MSAAS_TEST_RUN", folder, 1);
    setenv("TMPDIR", folder, 1);
}
