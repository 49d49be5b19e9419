/* vga.c - the display the firmware left, for dom0's earliest output */
#include <hv/hypercall.h>

size_t machine_vga_console(void *buf)
{
    /* Not handed on yet (docs/status.md): dom0's own driver finds the card by PCI. */
    return 0;
}
