/* edu.h - QEMU's teaching device: it raises an interrupt when asked to, and copies memory */
#pragma once
#define EDU_ID            0x11e81234u
#define EDU_LIVENESS      0x04 /* reads as the complement of what was written */
#define EDU_STATUS        0x24
#define EDU_RAISE         0x60
#define EDU_ACK           0x64
#define EDU_DMA_FROM      0x80 /* these four have 64 bits */
#define EDU_DMA_TO        0x88
#define EDU_DMA_COUNT     0x90 /* bytes */
#define EDU_DMA_COMMAND   0x98
#define EDU_DMA_START     1u /* reads as 1 until it is done */
#define EDU_DMA_TO_MEMORY 2u
#define EDU_BUFFER        0x40000u /* the device's own page, as one of the two addresses */
