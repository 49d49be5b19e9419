/* client.c - qrexec-client: runs a command or a service in a VM, or joins two VMs for a service; for programs, see
 * qvm-run */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/log.h"
#include "common/rpc/words.h"
#include "common/text.h"
#include "toolstack/rpc/await.h"
#include "toolstack/rpc/call.h"
#include "toolstack/rpc/service.h"
#include "toolstack/rpc/start.h"

struct options {
    const char *vm;
    const char *command;
    char *caller; /* IDENT,NAME,DOMID */
    bool filter_out, filter_err;
    bool just_exec;
    bool start;
};

static int usage(void)
{
    fputs("usage: qrexec-client -d VM [-t] [-T] [-e] [-s] USER:COMMAND\n"
          "       qrexec-client -d VM [-s] -c IDENT,NAME,DOMID USER:QUBESRPC SERVICE NAME\n",
          stderr);
    return 2;
}

static int run(const struct options *o, bool started)
{
    int daemon = started ? await_daemon(o->vm) : rpc_connect(o->vm);

    if (daemon < 0) {
        log_error("'%s' does not run, or its agent has not started yet", o->vm);
        return RPC_EXIT_FAILURE;
    }
    if (o->just_exec)
        return rpc_call_start(daemon, o->vm, o->command);
    return rpc_call_run(daemon, &(struct rpc_call){
                                    .vm = o->vm,
                                    .command = o->command,
                                    .in = STDIN_FILENO,
                                    .out = STDOUT_FILENO,
                                    .err = STDERR_FILENO,
                                    .filter_out = o->filter_out,
                                    .filter_err = o->filter_err,
                                });
}

/* The caller's agent holds the request `ident` open: it must get an answer, whatever happens here. */
static int join(const struct options *o, bool started)
{
    char ident[32], name[VM_NAME_MAX + 1];
    unsigned int domain;

    if (sscanf(o->caller, "%31[^,],%31[^,],%u", ident, name, &domain) != 3 || !rpc_ident_valid(ident) ||
        !text_is_vm_name(name))
        return usage();
    int source = rpc_connect(name);
    if (source < 0) {
        log_error("the caller '%s' has gone", name);
        return RPC_EXIT_FAILURE;
    }
    int code = strcmp(o->vm, "dom0") == 0 ? service_in_dom0(source, domain, ident, o->command)
                                          : service_in_vm(source, domain, ident, o->vm, started, o->command);
    if (code)
        rpc_refuse(source, ident);
    return code;
}

int main(int argc, char *argv[])
{
    struct options o = {};
    int option;

    while ((option = getopt(argc, argv, "d:c:tTesE")) != -1) {
        switch (option) {
        case 'd': o.vm = optarg; break;
        case 'c': o.caller = optarg; break;
        case 't': o.filter_out = true; break;
        case 'T': o.filter_err = true; break;
        case 'e': o.just_exec = true; break;
        case 's': o.start = true; break;
        case 'E': break; /* Qubes': leave when the service ends, which is what happens */
        default: return usage();
        }
    }
    if (!o.vm || argc - optind != 1 || (!text_is_vm_name(o.vm) && o.caller == nullptr))
        return usage();
    o.command = argv[optind];
    if (!strchr(o.command, ':')) {
        log_error("the command needs a user before it, such as: user:%s", o.command);
        return 2;
    }
    if (!text_is_vm_name(o.vm))
        return usage();
    bool started = o.start && strcmp(o.vm, "dom0") != 0 && vm_start(o.vm) == 0;
    if (o.caller)
        return join(&o, started);
    if (o.start && !started)
        return RPC_EXIT_FAILURE;
    return run(&o, started);
}
