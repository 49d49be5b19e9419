/* sandbox.h - what a helper gives up before it reads its VM's first byte */
#pragma once
#include <stdint.h>

/* Root becomes `uid`, which nothing else runs under, in an empty folder, without capabilities, core dumps or new
 * processes. Not root stays who it is. Returns false (and says why) if any of it fails. */
[[nodiscard]] bool sandbox_drop(uint32_t uid);

/* From here on only the system calls that relay_run() needs; any other ends the process. */
[[nodiscard]] bool sandbox_seal(void);
