/* serial.c - the hypervisor's UART (16550), polled output, interrupt-driven input into a ring that dom0 reads as its
 * console */
#include <hv/cpu.h>
#include <hv/domain.h>
#include <hv/evtchn.h>
#include <hv/hypercall.h>
#include <hv/options.h>
#include <hv/port.h>
#include <hv/serial.h>

enum { UART_DATA, UART_IER, UART_FCR, UART_LCR, UART_MCR, UART_LSR };
#define LSR_DATA_READY BIT(0)
#define LSR_THR_EMPTY  BIT(5)
#define RX_BYTES       1024u

static uint16_t base;
static char rx[RX_BYTES];
static uint32_t rx_head, rx_tail; /* free running */
static spinlock_t rx_lock = SPINLOCK_INIT;

void serial_init(void)
{
    uint16_t divisor = (uint16_t)(UART_BAUD_MAX / options.com_baud);

    base = options.console_com1 ? 0x3f8 : options.console_com2 ? 0x2f8 : 0;
    if (!base)
        return;
    outb((uint16_t)(base + UART_IER), 0);
    outb((uint16_t)(base + UART_LCR), 0x83);
    outb((uint16_t)(base + UART_DATA), (uint8_t)divisor);
    outb((uint16_t)(base + UART_IER), (uint8_t)(divisor >> 8));
    outb((uint16_t)(base + UART_LCR), 3);   /* 8n1 */
    outb((uint16_t)(base + UART_FCR), 7);   /* FIFOs on, cleared */
    outb((uint16_t)(base + UART_MCR), 0xb); /* DTR, RTS, OUT2: interrupt to the line */
    if (inb((uint16_t)(base + UART_LSR)) == 0xff)
        base = 0; /* nobody there */
}

static void put(char c)
{
    for (unsigned int spins = 0; spins < 100000 && !(inb((uint16_t)(base + UART_LSR)) & LSR_THR_EMPTY); spins++)
        cpu_relax();
    outb((uint16_t)(base + UART_DATA), (uint8_t)c);
}

void serial_write(const char *text, size_t n)
{
    if (!base)
        return;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n')
            put('\r');
        put(text[i]);
    }
}

bool console_uses_port(uint16_t port)
{
    return base && port >= base && port < base + 8;
}

uint32_t serial_gsi(void)
{
    return base == 0x3f8 ? 4 : base == 0x2f8 ? 3 : 0;
}

void serial_irq_init(void)
{
    if (base)
        outb((uint16_t)(base + UART_IER), 1);
}

void serial_receive(void)
{
    spin_lock(&rx_lock);
    while (inb((uint16_t)(base + UART_LSR)) & LSR_DATA_READY) {
        char c = (char)inb((uint16_t)(base + UART_DATA));
        if (rx_head - rx_tail < RX_BYTES)
            rx[rx_head++ % RX_BYTES] = c;
    }
    spin_unlock(&rx_lock);
    if (dom0)
        evtchn_raise_global_virq(dom0, VIRQ_CONSOLE);
}

size_t console_read(char *buf, size_t max)
{
    size_t n = 0;
    spin_lock(&rx_lock);
    while (n < max && rx_tail != rx_head)
        buf[n++] = rx[rx_tail++ % RX_BYTES];
    spin_unlock(&rx_lock);
    return n;
}
