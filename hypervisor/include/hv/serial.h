/* serial.h - the hypervisor's UART (COM1 or COM2) and the raw log behind it */
#pragma once
#include <hv/types.h>

void serial_init(void);                        /* per options; no port: silent */
void serial_write(const char *text, size_t n); /* polled; adds CR before LF */
bool console_uses_port(uint16_t port);         /* true for the ports of that UART: hidden from dom0 */
void log_raw(const char *text, size_t bytes);
/* Reads the log ring from *position on (0 = oldest kept); advances it. */
size_t log_read(char *buf, size_t max, uint64_t *position);
void panic_backtrace(void);
void serial_receive(void); /* interrupt: moves characters to the input ring, raises VIRQ_CONSOLE in dom0 */
uint32_t serial_gsi(void); /* ISA line of the UART, 0 = no console */
