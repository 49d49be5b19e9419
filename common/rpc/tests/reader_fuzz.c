/* reader_fuzz.c - any bytes, in any pieces: the first byte picks the direction */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "common/rpc/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rpc_reader reader;

    if (size < 2)
        return 0;
    rpc_reader_init(&reader, data[0] % (RPC_DAEMON_TO_CLIENT + 1));
    size_t piece = data[1] + 1u;
    data += 2, size -= 2;
    while (size) {
        void *where;
        size_t n = rpc_reader_space(&reader, &where);
        assert(n > 0 && n <= RPC_CHUNK);
        n = n < size ? n : size;
        n = n < piece ? n : piece;
        memcpy(where, data, n);
        data += n, size -= n;
        int r = rpc_reader_added(&reader, n);
        if (r < 0)
            return 0;
        if (r == 1) {
            assert(reader.header.length <= RPC_CHUNK && reader.body[reader.header.length] == 0);
            if (reader.header.type == RPC_EXEC)
                assert(strlen(((struct rpc_exec *)reader.body)->command) + sizeof(struct rpc_exec) + 1 ==
                       reader.header.length);
            rpc_reader_next(&reader);
        }
    }
    return 0;
}
