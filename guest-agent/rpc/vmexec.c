/* vmexec.c - service qubes.VMExec: runs the program and arguments encoded in its argument (see toolstack/rpc/vmexec.h)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/rpc/wire.h"

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes one word in place. Returns whether it was well formed. */
static bool decode(char *word)
{
    char *to = word;

    for (const char *from = word; *from; from++) {
        if (*from != '-') {
            *to++ = *from;
        } else if (from[1] == '-') {
            *to++ = '-';
            from++;
        } else {
            int high = digit(from[1]), low = high < 0 ? -1 : digit(from[2]);
            if (low < 0 || (high | low) == 0)
                return false;
            *to++ = (char)(high << 4 | low);
            from += 2;
        }
    }
    *to = 0;
    return true;
}

int main(int argc, char *argv[])
{
    static char *words[RPC_SERVICE_MAX];
    size_t count = 0;
    char *rest = argc > 1 ? argv[1] : nullptr;

    while (rest && count < RPC_SERVICE_MAX - 1) {
        words[count] = strsep(&rest, "+");
        if (!decode(words[count++]))
            rest = nullptr, count = 0;
    }
    if (count == 0) {
        fputs("qubes.VMExec: the argument is not an encoded command line\n", stderr);
        return RPC_EXIT_FAILURE;
    }
    execvp(words[0], words);
    fprintf(stderr, "cannot run %s: %s\n", words[0], strerror(errno));
    return errno == ENOENT ? RPC_EXIT_NOT_FOUND : RPC_EXIT_REFUSED;
}
