/* start.c - see start.h */
#include "toolstack/rpc/start.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/text.h"

extern char **environ;

/* Runs a program found in PATH. Returns its exit status, 127 if it cannot be run. */
static int run_program(char *const arguments[])
{
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status;

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    /* Standard output is for what the VM says. */
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    int error = posix_spawnp(&pid, arguments[0], &files, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    if (error)
        return 127;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 127;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int vm_start(const char *name)
{
    return run_program((char *[]){"qvm-start", "--skip-if-running", (char *)name, nullptr});
}

enum vm_state vm_query(const char *name)
{
    static const struct {
        const char *end;
        enum vm_state state;
    } words[] = {{" is running\n", VM_RUNNING}, {" is not running\n", VM_HALTED}, {" does not exist\n", VM_MISSING}};
    char command[64 + VM_NAME_MAX], line[64 + VM_NAME_MAX];

    /* A checked name needs no quotes. */
    snprintf(command, sizeof(command), "exec qvm-check --running %s", name);
    FILE *output = popen(command, "re");
    if (!output)
        return VM_UNKNOWN;
    const char *end = fgets(line, sizeof(line), output) ? strchr(line, ' ') : nullptr;
    pclose(output);
    for (size_t i = 0; end && i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(end, words[i].end) == 0)
            return words[i].state;
    return VM_UNKNOWN;
}
