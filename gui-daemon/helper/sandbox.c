/* sandbox.c - see sandbox.h */
#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/gntdev.h>
#include "common/log.h"

#define EMPTY_FOLDER "/proc/self/fdinfo" /* exists everywhere; nothing can be made or opened for use in it */

static bool limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit r = {value, value};

    return setrlimit(resource, &r) == 0;
}

bool sandbox_drop(uint32_t uid)
{
    bool done = true;

    if (geteuid() == 0)
        done = chroot(EMPTY_FOLDER) == 0 && chdir("/") == 0 && setgroups(0, nullptr) == 0 &&
               setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0 && setuid(0) < 0;
    done = done && limit(RLIMIT_CORE, 0) && limit(RLIMIT_NPROC, 0) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
    if (!done)
        log_error("cannot give up privileges: %m");
    return done;
}

/* Everything relay_run(), the vchan library and the C library use while they pass messages on. */
static const int calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(close),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(madvise),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(futex),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
#ifdef GUI_TEST /* the sanitizers' */
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(getrusage),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
#endif
};

static const unsigned long ioctls[] = {
    IOCTL_GNTDEV_MAP_GRANT_REF,
    IOCTL_GNTDEV_UNMAP_GRANT_REF,
    IOCTL_EVTCHN_NOTIFY,
    IOCTL_EVTCHN_UNBIND,
};

static int allow(scmp_filter_ctx filter)
{
    int r = 0;

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]) && r == 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    for (size_t i = 0; i < sizeof(ioctls) / sizeof(ioctls[0]) && r == 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
    if (r == 0) /* memory, but nothing that can be executed, and no files */
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                             SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
    return r;
}

bool sandbox_seal(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r = filter ? allow(filter) : -ENOMEM;

    if (r == 0)
        r = seccomp_load(filter);
    seccomp_release(filter);
    if (r < 0) {
        errno = -r;
        log_error("cannot install the system call filter: %m");
    }
    return r == 0;
}
