/* privcmd.c - see privcmd.h */
#include "common/xen/privcmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/sys/privcmd.h>
#include "common/xen/page.h"

int privcmd_open(void)
{
    int fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

long privcmd_hypercall(int fd, unsigned long op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    privcmd_hypercall_t call = {.op = op, .arg = {a1, a2, a3, a4, a5}};
    int r = ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &call);

    return r < 0 ? -errno : r;
}

int hypercall_buffer_alloc(struct hypercall_buffer *buffer, size_t size)
{
    int fd = open("/dev/xen/hypercall", O_RDWR | O_CLOEXEC);
    int r = 0;

    if (fd < 0)
        return -errno;
    size = (size + XEN_PAGE - 1) & ~(size_t)(XEN_PAGE - 1);
    void *address = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
        r = -errno;
    } else {
        /* A child that got these pages by fork() would share them with the hypervisor. */
        madvise(address, size, MADV_DONTFORK);
        *buffer = (struct hypercall_buffer){.address = address, .size = size};
    }
    close(fd); /* the mapping keeps what it needs */
    return r;
}

void hypercall_buffer_free(struct hypercall_buffer *buffer)
{
    if (buffer->address)
        munmap(buffer->address, buffer->size);
    *buffer = (struct hypercall_buffer){};
}

/* Room in the address space that a mapping ioctl then fills. */
static void *reserve(int fd, int prot, size_t count)
{
    if (count == 0 || count > XEN_PAGES_MAX) {
        errno = EINVAL;
        return nullptr;
    }
    void *address = mmap(nullptr, count * XEN_PAGE, prot, MAP_SHARED, fd, 0);
    return address == MAP_FAILED ? nullptr : address;
}

static void *unreserve(void *address, size_t count, int error)
{
    munmap(address, count * XEN_PAGE);
    errno = error;
    return nullptr;
}

void *privcmd_map_foreign(int fd, domid_t domain, int prot, size_t count, const xen_pfn_t gfns[], int errors[])
{
    void *address = reserve(fd, prot, count);
    if (!address)
        return nullptr;
    int *each = errors ? errors : calloc(count, sizeof(int));
    if (!each)
        return unreserve(address, count, ENOMEM);

    privcmd_mmapbatch_v2_t batch = {
        .num = (unsigned int)count, .dom = domain, .addr = (uintptr_t)address, .arr = gfns, .err = each};
    int error = ioctl(fd, IOCTL_PRIVCMD_MMAPBATCH_V2, &batch) < 0 ? errno : 0;

    /* ENOENT says that some page is paged out; the kernel reports others only in the array. */
    if (error == ENOENT && errors)
        error = 0;
    for (size_t i = 0; !errors && !error && i < count; i++)
        error = -each[i];
    if (!errors)
        free(each);
    return error ? unreserve(address, count, error) : address;
}

void *privcmd_map_resource(int fd, domid_t domain, uint32_t type, uint32_t id, uint32_t first, size_t count)
{
    void *address = reserve(fd, PROT_READ | PROT_WRITE, count);
    if (!address)
        return nullptr;

    privcmd_mmap_resource_t resource = {
        .dom = domain, .type = type, .id = id, .idx = first, .num = count, .addr = (uintptr_t)address};
    if (ioctl(fd, IOCTL_PRIVCMD_MMAP_RESOURCE, &resource) < 0)
        return unreserve(address, count, errno);
    return address;
}
