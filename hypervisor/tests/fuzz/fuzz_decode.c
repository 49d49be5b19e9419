/* fuzz_decode.c - fuzz target: any bytes as an instruction, in every mode; the decoder sees no more than it says it
 * used */
#include <stdlib.h>
#include <string.h>
#include "../../vcpu/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void require(bool promise)
{
    if (!promise)
        abort();
}

static bool same(const struct insn *a, const struct insn *b)
{
    return a->op == b->op && a->dst == b->dst && a->src == b->src && a->length == b->length && a->bytes == b->bytes &&
           a->src_bytes == b->src_bytes && a->address_bytes == b->address_bytes && a->rep == b->rep &&
           a->lock == b->lock && a->reg == b->reg && a->reg_high == b->reg_high && a->imm == b->imm &&
           a->segment == b->segment && a->base == b->base && a->index == b->index && a->scale == b->scale &&
           a->rip_relative == b->rip_relative && a->displacement == b->displacement;
}

static bool is_size(unsigned int n)
{
    return n == 1 || n == 2 || n == 4 || n == 8;
}

static void check(const struct insn *i, enum cpu_mode mode)
{
    require(i->length >= 1 && i->length <= INSN_MAX_BYTES);
    require(is_size(i->bytes) && is_size(i->src_bytes) && i->src_bytes <= i->bytes && is_size(i->address_bytes) &&
            i->address_bytes > 1);
    require(mode == CPU_64 || (i->bytes <= 4 && i->address_bytes <= 4 && !i->rip_relative));
    require(i->reg < NR_GPRS && (!i->reg_high || i->reg <= RBX));
    require(i->base == INSN_NO_REG || i->base < NR_GPRS);
    require(i->index == INSN_NO_REG || (i->index < NR_GPRS && i->index != RSP));
    require(i->segment <= SEG_GS && is_size(i->scale));
    require(i->dst == OPERAND_MEM || i->src == OPERAND_MEM);
    require(!i->lock || i->dst == OPERAND_MEM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const enum cpu_mode modes[] = {CPU_16, CPU_32, CPU_64};

    for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
        struct insn whole, part;
        size_t length = insn_length(data, bytes, modes[m]);
        bool ok = insn_decode(data, bytes, modes[m], &whole);

        require(length <= INSN_MAX_BYTES && length <= bytes);
        require(!length || !ok); /* the two know different instructions */
        if (ok)
            check(&whole, modes[m]);
        for (size_t n = 0; n <= MIN(bytes, (size_t)INSN_MAX_BYTES); n++) {
            /* exactly n readable bytes, so that one too many is seen */
            uint8_t *copy = malloc(n);
            if (n)
                memcpy(copy, data, n);
            require(insn_decode(copy, n, modes[m], &part) == (ok && n >= whole.length));
            if (ok && n >= whole.length)
                require(same(&part, &whole));
            require(insn_length(copy, n, modes[m]) == (length && n >= length ? length : 0));
            free(copy);
        }
    }
    return 0;
}
