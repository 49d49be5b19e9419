/* user.c - see user.h */
#include "common/rpc/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/rpc/wire.h"

[[noreturn]] __attribute__((format(printf, 2, 3))) static void fail(int code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    fflush(stderr);
    _exit(code);
}

static void become(const struct passwd *user)
{
    /* Tests run without root: then only for oneself. */
    if (geteuid() != 0 && geteuid() == user->pw_uid)
        return;
    if (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)
        fail(RPC_EXIT_FAILURE, "cannot become user '%s': %s", user->pw_name, strerror(errno));
}

static void environment(const struct passwd *user)
{
    char runtime[64];

    snprintf(runtime, sizeof(runtime), "/run/user/%u", user->pw_uid);
    clearenv();
    setenv("HOME", user->pw_dir, 1);
    setenv("USER", user->pw_name, 1);
    setenv("LOGNAME", user->pw_name, 1);
    setenv("SHELL", user->pw_shell, 1);
    setenv("PATH",
           user->pw_uid ? "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
                        : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
           1);
    setenv("LANG", "C.UTF-8", 1);
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    setenv("XDG_SESSION_TYPE", "wayland", 1);
    setenv("WAYLAND_DISPLAY", "wayland-0", 1);
    setenv("DISPLAY", ":0", 1);
}

static void reset_signals(void)
{
    sigset_t none;

    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

/* The first executable of that name in the service folders. A name holds no slash, as words.c made sure. */
static bool find_in(const char *folders, const char *name, char out[static 512])
{
    for (const char *at = folders; *at; at += strcspn(at, ":") + (strchr(at, ':') != nullptr)) {
        struct stat status;
        int n = snprintf(out, 512, "%.*s/%s", (int)strcspn(at, ":"), at, name);

        if (n < 512 && stat(out, &status) == 0 && S_ISREG(status.st_mode) && access(out, X_OK) == 0)
            return true;
    }
    return false;
}

/* "SERVICE+ARGUMENT" may have a file of its own, else SERVICE's serves. */
[[noreturn]] static void run_service(const struct rpc_command *command, const char *folders)
{
    char path[512];
    char *name = strdup(command->service);
    char *argument = strchrnul(name, '+');
    bool has_argument = *argument;
    bool found = find_in(folders, name, path);

    if (has_argument) {
        *argument++ = 0;
        found = found || find_in(folders, name, path);
    }
    if (!found)
        fail(RPC_EXIT_NOT_FOUND, "there is no service '%s' here", name);
    setenv("QREXEC_SERVICE_FULL_NAME", command->service, 1);
    setenv("QREXEC_REMOTE_DOMAIN", command->source, 1);
    if (*command->target)
        setenv("QREXEC_REQUESTED_TARGET", command->target, 1);
    if (has_argument)
        setenv("QREXEC_SERVICE_ARGUMENT", argument, 1);
    execl(path, path, has_argument ? argument : nullptr, nullptr);
    fail(RPC_EXIT_FAILURE, "cannot run service '%s': %s", name, strerror(errno));
}

[[noreturn]] static void run_shell(const struct passwd *user, const char *command)
{
    char name[64];
    const char *base = strrchr(user->pw_shell, '/');

    /* A leading '-' makes it a login shell, which reads the user's profile. */
    snprintf(name, sizeof(name), "-%s", base ? base + 1 : user->pw_shell);
    execl(user->pw_shell, name, "-c", command, nullptr);
    fail(RPC_EXIT_FAILURE, "cannot run '%s': %s", user->pw_shell, strerror(errno));
}

void user_run(const struct rpc_command *command, bool as_self)
{
    const char *folders = secure_getenv("QREXEC_SERVICE_PATH");
    const struct passwd *user = as_self ? getpwuid(geteuid()) : getpwnam(command->user);

    reset_signals();
    if (!user)
        fail(RPC_EXIT_FAILURE, "there is no user '%s' here", as_self ? "of this process" : command->user);
    folders = strdup(folders ? folders : "/run/qubes-rpc:/usr/local/etc/qubes-rpc:/etc/qubes-rpc");
    become(user);
    environment(user);
    if (chdir(user->pw_dir) < 0 && chdir("/") < 0)
        fail(RPC_EXIT_FAILURE, "cannot enter a folder: %s", strerror(errno));
    if (command->service)
        run_service(command, folders);
    run_shell(user, command->command);
}
