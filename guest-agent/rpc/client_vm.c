/* client_vm.c - qrexec-client-vm: asks for a service in another domain; its exit code is the service's */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "common/log.h"
#include "common/rpc/words.h"
#include "common/rpc/wire.h"
#include "guest-agent/rpc/local.h"

static int usage(void)
{
    fputs("usage: qrexec-client-vm [--] TARGET SERVICE[+ARGUMENT] [PROGRAM [ARGUMENT...]]\n"
          "TARGET is a VM's name, dom0, @dispvm, or @default to let the policy choose.\n",
          stderr);
    return RPC_EXIT_FAILURE;
}

static int connect_agent(void)
{
    const char *path = getenv("QREXEC_AGENT_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    strncpy(address.sun_path, path ? path : RPC_AGENT_SOCKET, sizeof(address.sun_path) - 1);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -errno;
    }
    return fd < 0 ? -errno : fd;
}

static int send_request(int agent, const char *target, const char *service, const int fds[3])
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(3 * sizeof(int))];
    } control = {.head = {.cmsg_len = CMSG_LEN(3 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct rpc_trigger trigger = {};
    struct iovec parts[] = {{&trigger, sizeof(trigger)}, {(char *)service, strlen(service) + 1}};
    struct msghdr message = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control)};

    strncpy(trigger.target, target, sizeof(trigger.target) - 1);
    memcpy(CMSG_DATA(&control.head), fds, 3 * sizeof(int));
    return sendmsg(agent, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* With a program the service's output is its input and the other way round. */
static int start_program(char *argv[], int fds[3])
{
    int pair[2][2];

    if (pipe(pair[0]) < 0 || pipe(pair[1]) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pair[0][0], STDIN_FILENO);
        dup2(pair[1][1], STDOUT_FILENO);
        for (int i = 0; i < 4; i++)
            close(pair[i / 2][i % 2]);
        execvp(argv[0], argv);
        log_error("cannot run %s: %m", argv[0]);
        _exit(RPC_EXIT_FAILURE);
    }
    close(pair[0][0]);
    close(pair[1][1]);
    fds[0] = pair[1][0];
    fds[1] = pair[0][1];
    return pid < 0 ? -errno : 0;
}

int main(int argc, char *argv[])
{
    int fds[3] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
    struct rpc_local_answer answer;

    if (argc > 1 && strcmp(argv[1], "--") == 0)
        argv++, argc--;
    if (argc < 3)
        return usage();
    if (!rpc_service_valid(argv[2]) || !rpc_target_valid(argv[1])) {
        log_error("'%s' in '%s' is not a valid service and target", argv[2], argv[1]);
        return RPC_EXIT_FAILURE;
    }
    int agent = connect_agent();
    int r = agent;
    if (r >= 0 && argc > 3)
        r = start_program(argv + 3, fds);
    if (r >= 0)
        r = send_request(agent, argv[1], argv[2], fds);
    if (r < 0) {
        log_error("cannot ask the qrexec agent of this VM: %s", strerror(-r));
        return RPC_EXIT_FAILURE;
    }
    /* The agent has its own copies; a program must see the end of ours. */
    if (argc > 3) {
        close(fds[0]);
        close(fds[1]);
    }
    if (recv(agent, &answer, sizeof(answer), 0) != sizeof(answer)) {
        log_error("the qrexec agent of this VM has left");
        return RPC_EXIT_FAILURE;
    }
    if (argc > 3)
        while (wait(nullptr) < 0 && errno == EINTR)
            ;
    if (answer.exit_code == RPC_EXIT_REFUSED)
        log_error("request refused");
    return (int)answer.exit_code;
}
