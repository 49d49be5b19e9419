/* memory.c - see memory.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "memory.h"
#include <hv/hostmap.h>
#include <hv/log.h>
#include <hv/tlb.h>
#include <hv/window.h>
#include <hv/x86.h>

struct machine machine;
struct cpu *cpus[MAX_HOST_CPUS];
unsigned int cpu_count;
struct cpu memory_cpu;
struct domain memory_domain[MEMORY_DOMAINS];
unsigned int memory_kicks, memory_flushes;
void (*memory_on_kick)(unsigned int cpu);
void (*memory_on_free)(void);
static unsigned int windows;
void *memory_views[GUEST_VIEWS];

uint64_t test_local_base(void)
{
    return (uint64_t)&memory_cpu;
}

void test_chance(void)
{
}

static void area(uint64_t at, size_t bytes)
{
    void *p = mmap((void *)at, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
    if (p != (void *)at) {
        perror("mmap");
        exit(2);
    }
}

void memory_setup(void)
{
    area(HEAP_BASE, MEMORY_BYTES);
    area(FRAMES_BASE, MEMORY_BYTES / PAGE_SIZE * 32);
    memset((void *)HEAP_BASE, 0xa5, MEMORY_BYTES); /* what the firmware left */
    machine.e820_count = 3;
    machine.e820[0] = (struct e820_entry){0, MEMORY_GAP, E820_RAM};
    machine.e820[1] = (struct e820_entry){MEMORY_GAP, 65536, E820_RESERVED};
    machine.e820[2] = (struct e820_entry){MEMORY_GAP + 65536, MEMORY_BYTES - MEMORY_GAP - 65536, E820_RAM};
    cpus[0] = &memory_cpu;
    cpu_count = 1;
    for (unsigned int i = 0; i < MEMORY_DOMAINS; i++)
        memory_domain[i] = (struct domain){.id = (domid_t)(i + 1), .max_pages = 100000, .refs = 1};
    frames_add(0, MEMORY_GAP);
    frames_add(MEMORY_GAP + 65536, MEMORY_BYTES);
}

unsigned char *memory_at(mfn_t mfn)
{
    return (unsigned char *)(HEAP_BASE + (mfn.v << PAGE_SHIFT));
}

void *window_map(mfn_t mfn)
{
    memory_check(++windows <= 8, "windows are given back", __FILE__, __LINE__);
    return memory_at(mfn);
}
void window_unmap(void *va)
{
    windows--;
}
void *view_map(unsigned int i, mfn_t mfn, bool writable)
{
    memory_check(i < GUEST_VIEWS, "a view that is there", __FILE__, __LINE__);
    return memory_views[i] = memory_at(mfn);
}
void view_unmap(unsigned int i)
{
    memory_check(memory_views[i], "a view in use is given back", __FILE__, __LINE__);
    memory_views[i] = NULL;
}
void hostmap_heap_chunk(uint64_t address, uint64_t bytes)
{
    check(address % (2ul << 20) == 0 && bytes % (2ul << 20) == 0);
}
void cpu_send_kick(unsigned int cpu)
{
    memory_kicks++;
    if (memory_on_kick)
        memory_on_kick(cpu);
}
void write_cr3(uint64_t v)
{
    memory_flushes++;
}
struct domain *domain_get(domid_t id)
{
    if (memory_on_free) /* frame.c finds the owner then */
        memory_on_free();
    for (unsigned int i = 0; i < MEMORY_DOMAINS; i++)
        if (memory_domain[i].id == id) {
            memory_domain[i].refs++;
            return &memory_domain[i];
        }
    return NULL;
}
void domain_put(struct domain *d)
{
    d->refs--;
}
void log_at(enum log_level level, const char *fmt, ...)
{
}
void panic(const char *fmt, ...)
{
    fprintf(stderr, "panic: %s\n", fmt);
    exit(3);
}

void memory_check(bool good, const char *what, const char *file, int line)
{
    if (good)
        return;
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    exit(1);
}

int memory_run(const char *name, void (*test)(void))
{
    int status;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        memory_setup();
        test();
        check(windows == 0);
        exit(0);
    }
    bool good = pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    printf("%s %s\n", good ? "ok    " : "FAILED", name);
    return !good;
}
