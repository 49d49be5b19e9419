/* machine_power.h - what happens to the machine when dom0 ends */
#pragma once
/* dom0 shut down for `reason` (SHUTDOWN_*): powers off, reboots, or stops, with one line. */
[[noreturn]] void machine_shutdown(int reason);
