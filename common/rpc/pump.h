/* pump.h - carries one call: local descriptors on one side, the data channel on the other
 *
 * The caller's pump sends its standard input and writes what the process says; the process's pump does the reverse and
 * ends with the exit code. Nothing is buffered beyond one message: who does not read stops the other side.
 */
#pragma once
#include <sys/types.h>
#include "vchan/libvchan.h"

struct pump_caller {
    libvchan_t *channel; /* any state; not closed by the pump */
    int in, out, err;    /* -1: nothing to send, or not wanted */
    int control;         /* its end before the process is there means that it never comes; or -1 */
    bool control_always; /* its end at any time ends the call */
    bool filter_out;     /* make output printable: it goes to a terminal */
    bool filter_err;
    bool owns_fds; /* close in, out and err at their ends, so that a local program sees them */
};

struct pump_process {
    libvchan_t *channel; /* connected; not closed by the pump */
    pid_t pid;           /* reaped by the pump; 0: no process, the call ends when `out` and `err` do */
    int exit_code;       /* without a process */
    int in, out, err;    /* our ends of the process's standard descriptors, or -1; closed by the pump */
};

/* Returns the exit code of the remote process (0..255), or RPC_EXIT_FAILURE with a line in the log. */
int pump_caller_run(const struct pump_caller *caller);

/* Returns when the call is over. 0, or a negative errno if the peer broke the protocol or left early. */
int pump_process_run(const struct pump_process *process);
