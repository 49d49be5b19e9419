/* vcpuop.c - operations on the caller's vCPUs: timers, shared areas, bringing up and down */
#include <hv/evtchn.h>
#include <hv/frame.h>
#include <hv/hypercall.h>
#include <hv/p2m.h>
#include <hv/string.h>
#include <hv/window.h>
#include "access.h"
#include "arguments.h"
#include "hvm_context.h"
#include "ports.h"

static bool is_up(const struct vcpu *v)
{
    enum vcpu_state state = __atomic_load_n(&v->state, __ATOMIC_RELAXED);

    return state != VCPU_DOWN && state != VCPU_WAIT_SIPI;
}

static void singleshot_fired(struct timer *t)
{
    evtchn_raise_virq(container_of(t, struct vcpu, singleshot), VIRQ_TIMER);
}

static void poll_timed_out(struct timer *t)
{
    struct vcpu *v = container_of(t, struct vcpu, poll_timer);

    __atomic_store_n(&v->poll_ports_active, 0, __ATOMIC_SEQ_CST);
    poll_wake(v);
}

void vcpu_poll_finish(struct vcpu *v)
{
    __atomic_store_n(&v->poll_ports_active, 0, __ATOMIC_SEQ_CST);
    write_once(v->poll_count, 0);
    if (v->poll_deadline)
        timer_stop(&v->poll_timer);
    v->poll_deadline = 0;
}

void vcpu_abi_init(struct vcpu *v)
{
    timer_init(&v->singleshot, singleshot_fired);
    timer_init(&v->poll_timer, poll_timed_out);
    v->info = &v->domain->shared_info->vcpu_info[v->id];
}

void vcpu_abi_destroy(struct vcpu *v)
{
    timer_stop(&v->singleshot);
    timer_stop(&v->poll_timer);
    if (v->info_registered)
        pin_unmap(v->info);
    v->info = NULL;
    v->info_registered = false;
}

/* Publishes the new place and then makes the guest look at everything: an event that went to the old place is found
 * again. */
static void move_info(struct vcpu *v, struct vcpu_info *to)
{
    memcpy(to, v->info, sizeof(*to));
    store_release(v->info, to);
    v->info_registered = true;
    vcpu_time_publish(v);
    evtchn_rescan(v);
}

static long register_info(struct vcpu *caller, struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_register_vcpu_info untrusted;
    mfn_t frame;

    if (copy_from_guest(caller, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    if (untrusted.offset > PAGE_SIZE - sizeof(struct vcpu_info) || untrusted.offset % alignof(struct vcpu_info))
        return -XEN_ENXIO;
    if (v->info_registered)
        return -XEN_EINVAL; /* once in its life: senders may be looking at the page */
    if (v != caller && is_up(v))
        return -XEN_EBUSY;
    if (p2m_get_frame(v->domain, GFN(untrusted.mfn), true, false, &frame))
        return -XEN_EINVAL;
    uint8_t *page = pin_map(frame);
    if (!page) {
        frame_put(frame);
        return -XEN_ENOMEM;
    }
    /* Two vCPUs may register the same third one at once. */
    spin_lock(&v->domain->control_lock);
    bool first = !v->info_registered;
    if (first)
        move_info(v, (struct vcpu_info *)(page + untrusted.offset));
    spin_unlock(&v->domain->control_lock);
    if (!first)
        pin_unmap(page);
    return first ? 0 : -XEN_EINVAL;
}

/*
 * Areas are named by guest-virtual address and translated here, once: in user mode the page tables in force may lack
 * the address (page table isolation). A 48-byte area may straddle two pages.
 */
static long register_runstate(struct vcpu *caller, struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_register_runstate_memory_area untrusted;
    bool narrow = is_narrow_caller(caller);
    const uint16_t bytes = sizeof(struct vcpu_runstate_info) - (narrow ? NARROW_RUNSTATE_GAP : 0);
    gpa_t first, second = GPA(0);

    if (copy_from_guest(caller, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    guest_ptr_t area = caller_pointer(caller, untrusted.addr.p);
    uint16_t in_first = (uint16_t)MIN(PAGE_SIZE - (area.v & PAGE_MASK), (uint64_t)bytes);
    if (area.v && guest_translate(caller, area, true, &first))
        return -XEN_EFAULT;
    if (area.v && in_first < bytes && guest_translate(caller, guest_ptr_add(area, in_first), true, &second))
        return -XEN_EFAULT;
    v->runstate_bytes[0] = v->runstate_bytes[1] = 0;
    if (!area.v)
        return 0;
    v->runstate_narrow = narrow;
    v->runstate_gpa[0] = first;
    v->runstate_gpa[1] = second;
    v->runstate_bytes[1] = (uint16_t)(bytes - in_first);
    v->runstate_bytes[0] = in_first;
    vcpu_runstate_publish(v);
    return 0;
}

/* Bytes [from, to) of the structure in its 64-bit form. */
static void write_runstate(struct vcpu *v, const struct vcpu_runstate_info *r, size_t from, size_t to)
{
    struct runstate_image image = runstate_image(r, v->runstate_narrow);
    const uint8_t *bytes = image.bytes + image.start;

    from -= MIN(from, image.start);
    to -= image.start;
    for (size_t part = 0, start = 0; part < 2; start += v->runstate_bytes[part++]) {
        size_t low = MAX(from, start), high = MIN(to, start + v->runstate_bytes[part]);
        /* The guest may have given the page away since: its loss, nobody else's. */
        if (low < high)
            (void)!copy_to_gpa(v->domain, GPA(v->runstate_gpa[part].v + low - start), bytes + low, high - low);
    }
}

void vcpu_runstate_publish(struct vcpu *v)
{
    const size_t stamp = offsetof(struct vcpu_runstate_info, state_entry_time);
    struct vcpu_runstate_info copy = v->runstate;

    if (!v->runstate_bytes[0])
        return;
    if (!v->domain->runstate_update_flag) {
        write_runstate(v, &copy, 0, sizeof(copy));
        return;
    }
    copy.state_entry_time |= XEN_RUNSTATE_UPDATE;
    write_runstate(v, &copy, stamp, stamp + sizeof(uint64_t));
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    write_runstate(v, &copy, 0, sizeof(copy));
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    copy.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
    write_runstate(v, &copy, stamp, stamp + sizeof(uint64_t));
}

static long register_time(struct vcpu *caller, struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_register_time_memory_area untrusted;
    gpa_t area = GPA(0);

    if (copy_from_guest(caller, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    guest_ptr_t address = caller_pointer(caller, untrusted.addr.p);
    if ((address.v & PAGE_MASK) > PAGE_SIZE - sizeof(struct vcpu_time_info))
        return -XEN_EINVAL;
    if (address.v && guest_translate(caller, address, true, &area))
        return -XEN_EFAULT;
    v->time_gpa = area;
    if (v == caller)
        vcpu_time_publish(v);
    return 0;
}

static long set_singleshot(struct vcpu *caller, struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_set_singleshot_timer untrusted;

    if (v != caller)
        return -XEN_EINVAL;
    if (copy_from_guest(caller, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    if (untrusted.flags & VCPU_SSHOTTMR_future && untrusted.timeout_abs_ns < time_now())
        return -XEN_ETIME;
    timer_set(&v->singleshot, MAX(untrusted.timeout_abs_ns, 1ul));
    return 0;
}

static long initialise(struct vcpu *caller, struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_hvm_context untrusted;
    struct vcpu_regs regs = {0};

    if (copy_from_guest(caller, &untrusted, arg, sizeof(untrusted)))
        return -XEN_EFAULT;
    long rc = hvm_context_from_public(&untrusted, &regs);
    if (rc)
        return rc;
    spin_lock(&v->domain->control_lock);
    if (v->initialised || is_up(v)) {
        rc = -XEN_EEXIST;
    } else if (load_acquire(v->running)) {
        rc = -XEN_EBUSY; /* on its way down: its registers are still in use */
    } else {
        v->private->regs = regs;
        v->initialised = true;
    }
    spin_unlock(&v->domain->control_lock);
    return rc;
}

static long up(struct vcpu *v)
{
    if (!v->initialised)
        return -XEN_EINVAL;
    if (!is_up(v))
        vcpu_online(v);
    return 0;
}

/* Does not wait until it has stopped: two vCPUs that take each other down would wait for ever. It keeps its registers
 * for VCPUOP_up. */
static long down(struct vcpu *v)
{
    if (!is_up(v))
        return 0;
    v->initialised = true;
    vcpu_offline(v);
    return 0;
}

static long get_runstate(struct vcpu *caller, struct vcpu *v, guest_ptr_t arg)
{
    struct vcpu_runstate_info copy = v->runstate;
    unsigned int state = (unsigned int)copy.state;
    uint64_t now = time_now();

    if (state < ARRAY_SIZE(copy.time) && now > copy.state_entry_time)
        copy.time[state] += now - copy.state_entry_time; /* the state it is in goes on */
    struct runstate_image image = runstate_image(&copy, is_narrow_caller(caller));
    size_t bytes = sizeof(image.bytes) - image.start;
    return copy_to_guest(caller, arg, image.bytes + image.start, bytes) ? -XEN_EFAULT : 0;
}

/* Not done: register_{runstate,vcpu_time}_phys_area, which the features do not announce; periodic timers, which Linux 6
 * does not use. */
long do_vcpu_op(struct vcpu *caller, uint64_t cmd, uint64_t vcpu_id, guest_ptr_t arg)
{
    struct vcpu *v = domain_vcpu(caller->domain, vcpu_id);

    if (!v)
        return -XEN_ENOENT;
    switch (cmd) {
    case VCPUOP_set_singleshot_timer: return set_singleshot(caller, v, arg);
    case VCPUOP_stop_singleshot_timer:
        if (v != caller)
            return -XEN_EINVAL;
        timer_stop(&v->singleshot);
        return 0;
    case VCPUOP_stop_periodic_timer: return 0;
    case VCPUOP_register_vcpu_info: return register_info(caller, v, arg);
    case VCPUOP_register_runstate_memory_area: return register_runstate(caller, v, arg);
    case VCPUOP_register_vcpu_time_memory_area: return register_time(caller, v, arg);
    case VCPUOP_get_runstate_info: return get_runstate(caller, v, arg);
    case VCPUOP_is_up: return is_up(v);
    case VCPUOP_initialise: return initialise(caller, v, arg);
    case VCPUOP_up: return up(v);
    case VCPUOP_down: return down(v);
    case VCPUOP_send_nmi: vcpu_nmi_signal(v); return 0;
    default: return -XEN_ENOSYS;
    }
}

long do_set_timer_op(struct vcpu *v, uint64_t deadline)
{
    if (deadline)
        timer_set(&v->singleshot, deadline);
    else
        timer_stop(&v->singleshot);
    return 0;
}

long do_vm_assist(struct vcpu *v, uint64_t cmd, uint64_t type)
{
    if (type != VMASST_TYPE_runstate_update_flag || (cmd != VMASST_CMD_enable && cmd != VMASST_CMD_disable))
        return -XEN_ENOSYS;
    write_once(v->domain->runstate_update_flag, cmd == VMASST_CMD_enable);
    return 0;
}
