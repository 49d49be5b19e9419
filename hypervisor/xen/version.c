/* version.c - what guests are told about us (public/version.h); shown in /sys/hypervisor */
#include <hv/hypercall.h>
#include <hv/options.h>
#include <hv/string.h>
#include "arguments.h"

#define VERSION_MAJOR 4u
#define VERSION_MINOR 20u

static const char extraversion[] = "-atoll";
static const char capabilities[] = "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ";
static const char changeset[] = "atoll";

/* Fixed-size character fields: zero-padded, so that nothing of the stack goes along. */
static long give_field(struct vcpu *v, guest_ptr_t arg, const char *text, size_t field)
{
    char chunk[128];
    size_t length = strlen(text), done = 0;

    while (done < field) {
        size_t n = MIN(field - done, sizeof(chunk));
        memset(chunk, 0, sizeof(chunk));
        if (done < length)
            memcpy(chunk, text + done, MIN(n, length - done));
        if (done + n == field)
            chunk[n - 1] = '\0';
        if (copy_to_guest(v, guest_ptr_add(arg, done), chunk, n))
            return -XEN_EFAULT;
        done += n;
    }
    return 0;
}

/* The variable-length operations: {len, buf}. Without a buffer they tell the length. */
static long give_bytes(struct vcpu *v, guest_ptr_t arg, const void *data, size_t bytes)
{
    uint32_t untrusted_len;

    if (!bytes)
        return -XEN_ENODATA;
    if (!arg.v)
        return (long)bytes;
    if (copy_from_guest(v, &untrusted_len, arg, sizeof(untrusted_len)))
        return -XEN_EFAULT;
    if (untrusted_len == 0)
        return -XEN_EINVAL;
    if (bytes > untrusted_len)
        return -XEN_ENOBUFS;
    if (copy_to_guest(v, guest_ptr_add(arg, sizeof(untrusted_len)), data, bytes))
        return -XEN_EFAULT;
    return (long)bytes;
}

static long give_compile_info(struct vcpu *v, guest_ptr_t arg)
{
    /* No user, host or date: the same source gives the same image. */
    static const struct xen_compile_info info = {
        .compiler = __VERSION__, .compile_by = "atoll", .compile_date = "reproducible"};

    return copy_to_guest(v, arg, &info, sizeof(info)) ? -XEN_EFAULT : 0;
}

static long give_features(struct vcpu *v, guest_ptr_t arg)
{
    struct xen_feature_info info;

    if (copy_from_guest(v, &info, arg, sizeof(info)))
        return -XEN_EFAULT;
    if (info.submap_idx != 0)
        return -XEN_EINVAL;
    /* hvm_pirqs stays 0: Linux then drives PCI interrupts by itself, through the vLAPIC and vIOAPIC. */
    info.submap = (uint32_t)(BIT(XENFEAT_writable_page_tables) | BIT(XENFEAT_auto_translated_physmap) |
                             BIT(XENFEAT_hvm_callback_vector) | BIT(XENFEAT_hvm_safe_pvclock));
    info.submap |= (uint32_t)BIT(XENFEAT_not_direct_mapped); /* as Xen says on x86, even though dom0's RAM is 1:1 */
    if (v->domain->is_control)
        info.submap |= (uint32_t)BIT(XENFEAT_dom0);
    return copy_to_guest(v, arg, &info, sizeof(info)) ? -XEN_EFAULT : 0;
}

static long give_build_id(struct vcpu *v, guest_ptr_t arg)
{
    size_t bytes;
    const uint8_t *id = build_id(&bytes);

    /* No secret: every VM may see what it runs on (Xen would tell dom0 only). */
    return give_bytes(v, arg, id, bytes);
}

[[gnu::noinline]] static long give_rest(struct vcpu *v, uint64_t cmd, guest_ptr_t arg)
{
    const char *command_line = v->domain->is_control ? options.line : "";

    switch (cmd) {
    case XENVER_extraversion: return give_field(v, arg, extraversion, XEN_EXTRAVERSION_LEN);
    case XENVER_compile_info: return give_compile_info(v, arg);
    case XENVER_capabilities: return give_field(v, arg, capabilities, XEN_CAPABILITIES_INFO_LEN);
    case XENVER_changeset: return give_field(v, arg, changeset, XEN_CHANGESET_INFO_LEN);
    case XENVER_platform_parameters:
        return copy_to_guest(v, arg, &(struct xen_platform_parameters){0}, is_narrow_caller(v) ? 4 : 8) ? -XEN_EFAULT
                                                                                                        : 0;
    case XENVER_get_features: return give_features(v, arg);
    case XENVER_pagesize: return arg.v ? -XEN_EINVAL : (long)PAGE_SIZE;
    case XENVER_guest_handle:
        return copy_to_guest(v, arg, v->domain->handle, sizeof(v->domain->handle)) ? -XEN_EFAULT : 0;
    case XENVER_commandline: return give_field(v, arg, command_line, sizeof(xen_commandline_t));
    case XENVER_build_id: return give_build_id(v, arg);
    case XENVER_extraversion2: return give_bytes(v, arg, extraversion, strlen(extraversion));
    case XENVER_capabilities2: return give_bytes(v, arg, capabilities, strlen(capabilities));
    case XENVER_changeset2: return give_bytes(v, arg, changeset, strlen(changeset));
    case XENVER_commandline2: return give_bytes(v, arg, command_line, strlen(command_line));
    default: return -XEN_ENOSYS;
    }
}

long do_xen_version(struct vcpu *v, uint64_t cmd, guest_ptr_t arg)
{
    if (cmd == XENVER_version) /* asked often, by those who only want to come in: nothing else is done then */
        return VERSION_MAJOR << 16 | VERSION_MINOR;
    return give_rest(v, cmd, arg);
}
