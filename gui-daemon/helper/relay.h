/* relay.h - the helper at work: bytes from the VM become checked packets for the compositor, and back */
#pragma once
#include <stdint.h>

struct libvchan;

/*
 * Runs until either side ends or the VM breaks a rule. `vchan` is connected, `compositor` a SOCK_SEQPACKET, `mapper`
 * from mapper_open(). Returns a reason (a constant) for the log.
 */
[[nodiscard]] const char *relay_run(uint32_t domid, struct libvchan *vchan, int compositor, int mapper);
