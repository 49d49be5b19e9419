/* edu.h - QEMU's teaching device: it raises an interrupt when asked to */
#pragma once
#define EDU_ID       0x11e81234u
#define EDU_LIVENESS 0x04 /* reads as the complement of what was written */
#define EDU_STATUS   0x24
#define EDU_RAISE    0x60
#define EDU_ACK      0x64
