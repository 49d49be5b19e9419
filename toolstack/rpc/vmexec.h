/* vmexec.h - a program and its arguments as the argument of service qubes.VMExec
 *
 * Words are joined by '+'; letters, digits, '_' and '.' stand for themselves, '-' is "--", any other byte "-XX" in
 * hexadecimal.
 */
#pragma once

/* Returns a new string, or nullptr without memory. */
[[nodiscard]] char *vmexec_encode(char *const words[], int count);
