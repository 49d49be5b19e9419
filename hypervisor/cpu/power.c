/* power.c - off, reset and halt of the machine */
#include <hv/cpu.h>
#include <hv/emulate.h>
#include <hv/hostpci.h>
#include <hv/log.h>
#include <hv/machine_power.h>
#include <hv/options.h>
#include <hv/port.h>
#include <hv/x86.h>
#include <hv/xen.h>

#define SLP_EN BIT(13)

void machine_halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

void machine_reboot(void)
{
    if (machine.reset_space == 1)
        outb((uint16_t)machine.reset_address, machine.reset_value);
    outb(0xcf9, 2);
    outb(0xcf9, 6);
    outb(0x64, 0xfe);
    machine_halt();
}

/* dom0's AML has prepared everything; what is left is the write it made to PM1 control. */
void machine_poweroff(void)
{
    if (dom0_sleep.requested) {
        if (machine.pm1a_cnt)
            outw(machine.pm1a_cnt, dom0_sleep.pm1a);
        if (machine.pm1b_cnt)
            outw(machine.pm1b_cnt, dom0_sleep.pm1b);
    } else if (machine.pm1a_cnt) {
        /* No sleep type from AML: 0 is S5 on the machines we know without AML (q35, i440FX). */
        outw(machine.pm1a_cnt, (uint16_t)SLP_EN);
    }
    machine_halt();
}

void machine_shutdown(int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff: log_info("dom0 has powered off: so does the machine"); machine_poweroff();
    case SHUTDOWN_reboot:
        if (options.noreboot) {
            log_info("dom0 wants to reboot; halted because of 'noreboot'");
            machine_halt();
        }
        log_info("dom0 reboots the machine");
        machine_reboot();
    default:
        log_err("dom0 crashed (reason %d)", reason);
        if (options.noreboot)
            machine_halt();
        machine_reboot();
    }
}
