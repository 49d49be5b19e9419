/* qvm_run.c - qvm-run: runs a command in a VM, or in all that run */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/log.h"
#include "common/rpc/words.h"
#include "common/text.h"
#include "toolstack/rpc/await.h"
#include "toolstack/rpc/call.h"
#include "toolstack/rpc/start.h"
#include "toolstack/rpc/vmexec.h"

struct options {
    const char *user;
    const char *local_command;
    const char *color_out, *color_err; /* of the terminal, null for none */
    bool pass_io, no_autostart, no_gui, no_shell, service, quiet, all;
    int filter; /* -1: where output goes to a terminal */
    char *command;
};

static void usage(FILE *to)
{
    fputs("usage: qvm-run [OPTION...] VM COMMAND\n"
          "       qvm-run [OPTION...] VM -- PROGRAM [ARGUMENT...]\n"
          "       qvm-run [OPTION...] --all COMMAND\n"
          "  -u, --user USER          run as USER instead of 'user'\n"
          "  -p, --pass-io            connect standard input, output and error\n"
          "      --localcmd COMMAND   connect them to COMMAND, run here, instead (implies -p)\n"
          "      --no-shell           the words are a program and its arguments, not a shell command\n"
          "      --service            COMMAND is the name of a service in the VM\n"
          "  -n, --no-autostart       do not start the VM if it is halted\n"
          "      --no-gui             do not wait for the VM's graphical session\n"
          "      --all                in every running VM\n"
          "  -q, --quiet              print only errors\n"
          "      --[no-]filter-escape-chars, --[no-]color-output[=N], --[no-]color-stderr[=N]\n"
          "The exit code is the command's; 125 if it could not be run.\n",
          to);
}

/* The daemon of a VM that runs, or that has been started for this. Says why if there is none. */
static int reach(const struct options *o, const char *vm)
{
    int daemon = rpc_connect(vm);

    if (daemon >= 0)
        return daemon;
    if (daemon == -EACCES) {
        log_error("you may not use VMs: become a member of group 'qubes', or root");
        return -1;
    }
    enum vm_state state = vm_query(vm);
    if (state == VM_MISSING)
        log_error("there is no VM '%s'; see: qvm-ls", vm);
    else if (state == VM_HALTED && o->no_autostart)
        log_error("'%s' does not run; start it with: qvm-start %s", vm, vm);
    if (state == VM_UNKNOWN || state == VM_MISSING || (state == VM_HALTED && (o->no_autostart || vm_start(vm) != 0)))
        return -1; /* the reason has been said, by us or by the command that failed */
    daemon = await_daemon(vm);
    if (daemon == -ENOTCONN)
        log_error("'%s' stopped while it was starting; see the end of its log in /var/log/atoll/console", vm);
    else if (daemon < 0)
        log_error("'%s' runs, but its agent does not answer; see its log in /var/log/atoll/console", vm);
    return daemon;
}

/* A local program whose standard input and output are the remote one's output and input. */
static pid_t start_local(const char *command, int *in, int *out)
{
    int to[2], from[2];

    if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        execl("/bin/sh", "sh", "-c", command, nullptr);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    *in = from[0];
    *out = to[1];
    return pid;
}

static void color(FILE *terminal, const char *number)
{
    if (number)
        fprintf(terminal, "\033[0;%sm", number);
    fflush(terminal);
}

static int run_connected(const struct options *o, const char *vm, int daemon)
{
    bool out_terminal = isatty(STDOUT_FILENO), err_terminal = isatty(STDERR_FILENO);
    bool connected = o->pass_io && !o->local_command;
    struct rpc_call call = {
        .vm = vm,
        .command = o->command,
        .in = o->pass_io ? STDIN_FILENO : -1,
        .out = o->pass_io ? STDOUT_FILENO : -1,
        .err = o->pass_io ? STDERR_FILENO : -1,
        .filter_out = connected && (o->filter < 0 ? out_terminal : o->filter),
        .filter_err = o->pass_io && (o->filter < 0 ? err_terminal : o->filter),
    };
    pid_t local = 0;

    if (o->local_command && (local = start_local(o->local_command, &call.in, &call.out)) < 0) {
        log_error("cannot run the local command: %m");
        return RPC_EXIT_FAILURE;
    }
    call.owns_fds = local;
    if (!o->quiet && !o->pass_io)
        fprintf(stderr, "Running on %s\n", vm);
    if (!o->pass_io && !o->no_gui && !o->service)
        return rpc_call_start(daemon, vm, o->command); /* it has windows: who opens one does not wait for its end */
    color(stdout, connected && out_terminal ? o->color_out : nullptr);
    color(stderr, o->pass_io && err_terminal ? o->color_err : nullptr);
    int code = rpc_call_run(daemon, &call);
    color(stdout, connected && out_terminal && o->color_out ? "0" : nullptr);
    color(stderr, o->pass_io && err_terminal && o->color_err ? "0" : nullptr);
    if (local)
        waitpid(local, nullptr, 0);
    return code;
}

static int run_in(const struct options *o, const char *vm)
{
    if (!text_is_vm_name(vm)) {
        log_error("'%s' is not a valid VM name; see: qvm-ls", vm);
        return 1;
    }
    int daemon = reach(o, vm);
    if (daemon < 0)
        return 1;
    int code = run_connected(o, vm, daemon);
    close(daemon);
    return code;
}

/* Each VM that runs has a socket. */
static int run_in_all(const struct options *o)
{
    struct dirent **entries;
    int worst = 0;
    int n = scandir(rpc_socket_folder(), &entries, nullptr, alphasort);

    for (int i = 0; i < n; i++) {
        const char *name = entries[i]->d_name;
        if (strncmp(name, "qrexec.", 7) == 0 && text_is_vm_name(name + 7)) {
            int code = run_in(o, name + 7);
            worst = code > worst ? code : worst;
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return worst;
}

/* USER:[nogui:]COMMAND from the words of the command line. Output that is wanted here needs no window. */
static int build_command(struct options *o, char *words[], int count)
{
    const char *no_gui = o->no_gui || o->pass_io ? "nogui:" : "";
    char *encoded = nullptr;
    int length;

    if (o->service) {
        if (count != 1 || !rpc_service_valid(words[0])) {
            log_error("--service needs the name of one service, such as qubes.GetDate");
            return -1;
        }
        length = asprintf(&o->command, "%s:%sQUBESRPC %s dom0", o->user, no_gui, words[0]);
    } else if (o->no_shell || count > 1) {
        encoded = vmexec_encode(words, count);
        length = asprintf(&o->command, "%s:%sQUBESRPC qubes.VMExec+%s dom0", o->user, no_gui, encoded);
    } else {
        length = asprintf(&o->command, "%s:%s%s", o->user, no_gui, words[0]);
    }
    free(encoded);
    if (length >= (int)RPC_COMMAND_MAX) {
        log_error("the command is too long: %d bytes, at most %u fit", length, RPC_COMMAND_MAX - 1);
        return -1;
    }
    return length < 0 ? -1 : 0;
}

enum {
    LOCALCMD = 256,
    NO_SHELL,
    SERVICE,
    NO_GUI,
    GUI,
    ALL,
    FILTER,
    NO_FILTER,
    COLOR,
    NO_COLOR,
    COLOR_ERR,
    NO_COLOR_ERR
};

static const struct option long_options[] = {
    {"user", required_argument, nullptr, 'u'},
    {"pass-io", no_argument, nullptr, 'p'},
    {"localcmd", required_argument, nullptr, LOCALCMD},
    {"no-shell", no_argument, nullptr, NO_SHELL},
    {"service", no_argument, nullptr, SERVICE},
    {"no-autostart", no_argument, nullptr, 'n'},
    {"autostart", no_argument, nullptr, 'a'},
    {"no-gui", no_argument, nullptr, NO_GUI},
    {"gui", no_argument, nullptr, GUI},
    {"all", no_argument, nullptr, ALL},
    {"quiet", no_argument, nullptr, 'q'},
    {"filter-escape-chars", no_argument, nullptr, FILTER},
    {"no-filter-escape-chars", no_argument, nullptr, NO_FILTER},
    {"color-output", required_argument, nullptr, COLOR},
    {"colour-output", required_argument, nullptr, COLOR},
    {"no-color-output", no_argument, nullptr, NO_COLOR},
    {"no-colour-output", no_argument, nullptr, NO_COLOR},
    {"color-stderr", required_argument, nullptr, COLOR_ERR},
    {"colour-stderr", required_argument, nullptr, COLOR_ERR},
    {"no-color-stderr", no_argument, nullptr, NO_COLOR_ERR},
    {"no-colour-stderr", no_argument, nullptr, NO_COLOR_ERR},
    {"help", no_argument, nullptr, 'h'},
    {},
};

/* A terminal colour such as 31; anything else could be an escape sequence. */
static const char *color_number(const char *text)
{
    return *text && strlen(text) < 12 && text[strspn(text, "0123456789;")] == 0 ? text : nullptr;
}

/* Returns 0, or an exit status plus one when there is nothing more to do. */
static int parse(struct options *o, int argc, char *argv[])
{
    int option;

    while ((option = getopt_long(argc, argv, "u:pnaqvh", long_options, nullptr)) != -1) {
        switch (option) {
        case 'u': o->user = optarg; break;
        case 'p': o->pass_io = true; break;
        case LOCALCMD: o->local_command = optarg, o->pass_io = true; break;
        case NO_SHELL: o->no_shell = true; break;
        case SERVICE: o->service = true; break;
        case 'n': o->no_autostart = true; break;
        case 'a': o->no_autostart = false; break;
        case NO_GUI: o->no_gui = true; break;
        case GUI: o->no_gui = false; break;
        case ALL: o->all = true; break;
        case 'q': o->quiet = true; break;
        case 'v': break;
        case FILTER: o->filter = true; break;
        case NO_FILTER: o->filter = false; break;
        case COLOR: o->color_out = color_number(optarg); break;
        case NO_COLOR: o->color_out = nullptr; break;
        case COLOR_ERR: o->color_err = color_number(optarg); break;
        case NO_COLOR_ERR: o->color_err = nullptr; break;
        case 'h': usage(stdout); return 1;
        default: usage(stderr); return 3;
        }
    }
    return 0;
}

int main(int argc, char *argv[])
{
    struct options o = {.user = "DEFAULT", .color_out = "31", .color_err = "31", .filter = -1};

    /* After "--" come a program and its arguments, even if it is one word. */
    for (int i = 1; i < argc; i++)
        o.no_shell |= strcmp(argv[i], "--") == 0;
    int stop = parse(&o, argc, argv);
    if (stop)
        return stop - 1;
    int words = argc - optind - !o.all;
    if (words < 1) {
        usage(stderr);
        return 2;
    }
    if (strchr(o.user, ':') || strlen(o.user) > 32 || !*o.user) {
        log_error("'%s' is not a user's name", o.user);
        return 2;
    }
    if (build_command(&o, argv + optind + !o.all, words) < 0)
        return 2;
    int code = o.all ? run_in_all(&o) : run_in(&o, argv[optind]);
    free(o.command);
    return code;
}
