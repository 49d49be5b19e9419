/* test_domain.c - making a domain when memory ends at any point, finding it, ending it; the real domain.c, p2m.c and
 * svm/vmcb.c over a heap that counts */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "../../svm/caps.h"
#include "../../svm/vmcb.h"
#include "core/clean.h"
#include <hv/cpu.h>
#include <hv/emulate.h>
#include <hv/evtchn.h>
#include <hv/frame.h>
#include <hv/gnttab.h>
#include <hv/heap.h>
#include <hv/machine_power.h>
#include <hv/p2m_impl.h>
#include <hv/private.h>
#include <hv/pvtime.h>
#include <hv/sched.h>
#include <hv/tlb.h>
#include <hv/vendor.h>
#include <hv/vlapic.h>
#include <hv/vpci.h>
#include <hv/window.h>

static struct cpu cpu;
struct cpu *cpus[MAX_HOST_CPUS] = {&cpu};
unsigned int cpu_count = 1;
struct host_features host;
struct svm_caps svm_caps = {.asids = 16};
static const struct hvm_vendor test_vendor = {.vcpu_create = svm_vcpu_create,
                                              .vcpu_destroy = svm_vcpu_destroy,
                                              .domain_create = svm_domain_create,
                                              .domain_destroy = svm_domain_destroy,
                                              .vcpu_reset = svm_vcpu_reset};
const struct hvm_vendor *vendor = &test_vendor;

uint64_t test_local_base(void)
{
    return (uint64_t)&cpu;
}
static unsigned int locks;
void test_chance(void) /* at every lock taken and given back */
{
    locks++;
}

/* ---- a heap that counts, and fails when told ---- */

static int live, allocations, fail_at = -1;
static domid_t watch_id;

static void *take(size_t bytes)
{
    /* Nobody can find what is not whole yet. */
    if (watch_id)
        assert_null(domain_get(watch_id));
    if (allocations++ == fail_at)
        return NULL;
    live++;
    size_t whole = ALIGN_UP(bytes, PAGE_SIZE);
    return memset(aligned_alloc(PAGE_SIZE, whole), 0, whole);
}
static void give(void *p)
{
    if (p)
        live--;
    free(p);
}
void *heap_alloc(size_t bytes)
{
    return take(bytes);
}
void heap_free(void *p, size_t bytes)
{
    give(p);
}
void *heap_page_alloc(void)
{
    return take(PAGE_SIZE);
}
void heap_page_free(void *p)
{
    give(p);
}
void *heap_shared_page_alloc(void)
{
    return take(PAGE_SIZE);
}
mfn_t heap_page_mfn(const void *page)
{
    return MFN((uint64_t)page >> PAGE_SHIFT);
}
void *heap_page_of(mfn_t mfn)
{
    return (void *)(mfn.v << PAGE_SHIFT);
}
void frame_put(mfn_t mfn)
{
    give(heap_page_of(mfn));
}
bool frame_get(mfn_t mfn, const struct domain *owner)
{
    return true;
}

/* ---- parts that have tests of their own: one allocation each ---- */

int evtchn_create(struct domain *d, unsigned int max_ports)
{
    d->evtchns = take(64);
    return d->evtchns ? 0 : -XEN_ENOMEM;
}
void evtchn_destroy(struct domain *d)
{
    give(d->evtchns);
}
int gnttab_create(struct domain *d, unsigned int frames, unsigned int maptrack)
{
    d->grants = take(64);
    return d->grants ? 0 : -XEN_ENOMEM;
}
void gnttab_destroy(struct domain *d)
{
    give(d->grants);
}
int vlapic_create(struct vcpu *v)
{
    v->lapic = take(64);
    return v->lapic ? 0 : -XEN_ENOMEM;
}
void vlapic_destroy(struct vcpu *v)
{
    assert_non_null(v->lapic);
    give(v->lapic);
}
static unsigned int abi_alive;
void vcpu_abi_init(struct vcpu *v)
{
    abi_alive++;
    v->info = &v->domain->shared_info->vcpu_info[v->id];
}
void vcpu_abi_destroy(struct vcpu *v)
{
    abi_alive -= v->info != NULL;
}
static unsigned int closed, releases_left;
void evtchn_close_all(struct domain *d)
{
    assert_true(d->dying && d->pause_count);
    closed++;
}
int gnttab_release_mappings(struct domain *d)
{
    return releases_left && releases_left-- ? -XEN_ERESTART : 0;
}
void vioapic_destroy(struct domain *d);
void vioapic_destroy(struct domain *d)
{
}
void vpci_destroy(struct domain *d)
{
}
void evtchn_raise_global_virq(struct domain *d, unsigned int virq)
{
}
void guest_msrs_init(struct vcpu *v)
{
}
void vcpu_time_publish(struct vcpu *v)
{
}
void wallclock_publish(struct domain *d)
{
}
void vcpu_yield(struct vcpu *v)
{
}
uint64_t cpuid_hidden_cr4(void)
{
    return 0;
}
void port_policy_fill(struct domain *d, uint8_t iopm[8192])
{
}
void timer_stop(struct timer *t)
{
}
uint64_t time_now(void)
{
    return 1;
}
void sched_update(struct vcpu *v)
{
    assert_non_null(v);
}
void sched_wait_not_running(struct vcpu *v)
{
}
struct vcpu *current_vcpu(void)
{
    return NULL;
}
void pins_reap(void)
{
}
void p2m_flush(struct domain *d)
{
}
void p2m_release_frame(struct domain *d, mfn_t mfn)
{
    frame_put(mfn);
}
void machine_shutdown(int reason)
{
    abort();
}

/* Private state: one block per domain, which stands in for its page table; seen only while somebody has entered. */
static struct domain *shown;
static unsigned int entered;
int private_create(struct domain *d)
{
    d->private_ptes = take(sizeof(struct vcpu_private) * d->max_vcpus);
    return d->private_ptes ? 0 : -XEN_ENOMEM;
}
int private_add(struct vcpu *v)
{
    assert_ptr_equal(shown, v->domain);
    v->private = (struct vcpu_private *)(void *)v->domain->private_ptes + v->id;
    return allocations++ == fail_at ? -XEN_ENOMEM : 0;
}
void private_destroy(struct domain *d)
{
    assert_ptr_not_equal(shown, d);
    give(d->private_ptes);
    d->private_ptes = NULL;
}
maddr_t private_control_block(const struct vcpu *v)
{
    return MADDR((uint64_t)v->private);
}
struct domain *private_enter(struct domain *d)
{
    entered++;
    shown = d;
    return NULL;
}
void private_leave(struct domain *was)
{
    entered--;
    shown = was;
}
size_t fpu_area_bytes(void)
{
    return 1000;
}
void fpu_area_init(struct fpu_area *a)
{
    memset(a->state, 0, 1000);
}

/* ---- tests ---- */

static const struct domain_limits limits = {
    .max_vcpus = 3, .max_grant_frames = 4, .max_maptrack_frames = 4, .max_ports = 64};
static const uint8_t handle[16];

static int setup(void **state)
{
    fail_at = -1;
    allocations = 0;
    closed = releases_left = 0;
    watch_id = 0;
    assert_int_equal(live, 0);
    assert_int_equal(abi_alive, 0);
    assert_int_equal(entered, 0);
    return 0;
}

static void memory_may_end_anywhere(void **state)
{
    struct domain *d;
    int rc = -XEN_ENOMEM;

    for (fail_at = 0; rc; fail_at++) {
        allocations = 0;
        rc = domain_create(DOMID_INVALID, &limits, handle, false, &d);
        assert_true(rc == 0 || rc == -XEN_ENOMEM);
        if (rc) {
            assert_int_equal(live, 0);
            assert_int_equal(abi_alive, 0);
            assert_null(domain_next(0));
        }
        assert_in_range(fail_at, 0, 100);
    }
    assert_true(fail_at > 15); /* so many places there are */
    assert_int_equal(abi_alive, 3);
    domain_put(d);
    assert_int_equal(domain_destroy(d), 0);
    assert_int_equal(live, 0);
}

static void nobody_finds_a_domain_that_is_not_whole(void **state)
{
    struct domain *a, *b;

    assert_int_equal(domain_create(DOMID_INVALID, &limits, handle, false, &a), 0);
    watch_id = (domid_t)(a->id + 1); /* what any guest can guess */
    assert_int_equal(domain_create(DOMID_INVALID, &limits, handle, false, &b), 0);
    assert_int_equal(b->id, watch_id);
    watch_id = 0;
    struct domain *found = domain_get(b->id);
    assert_ptr_equal(found, b);
    domain_put(found);
    domain_put(a);
    domain_put(b);
    assert_int_equal(domain_destroy(a), 0);
    assert_int_equal(domain_destroy(b), 0);
}

static void ids_are_never_used_twice(void **state)
{
    struct domain *d, *e;

    assert_int_equal(domain_create(DOMID_INVALID, &limits, handle, false, &d), 0);
    domid_t id = d->id;
    assert_int_equal(domain_create(id, &limits, handle, false, &e), -XEN_EEXIST);
    domain_put(d);
    assert_int_equal(domain_destroy(d), 0);
    assert_null(domain_get(id));
    assert_int_equal(domain_create(id, &limits, handle, false, &e), -XEN_EEXIST);
    assert_int_equal(domain_create(DOMID_INVALID, &limits, handle, false, &e), 0);
    assert_true(e->id > id);
    domain_put(e);
    assert_int_equal(domain_destroy(e), 0);
}

static void the_structure_lives_as_long_as_somebody_holds_it(void **state)
{
    struct domain *d;

    assert_int_equal(domain_create(DOMID_INVALID, &limits, handle, false, &d), 0);
    releases_left = 2;
    assert_int_equal(domain_destroy(d), -XEN_ERESTART);
    assert_int_equal(domain_destroy(d), -XEN_ERESTART);
    assert_int_equal(domain_destroy(d), 0);
    assert_int_equal(closed, 1); /* what is done once is done once */
    assert_int_equal(domain_destroy(d), -XEN_ESRCH);
    assert_true(live > 0);
    struct domain *found = domain_get(d->id);
    assert_ptr_equal(found, d);
    domain_put(found);
    domain_put(d);
    assert_int_equal(live, 0);
}

/* Grants are unmapped by the thousand, each with a reference: the lock of the list is for the last one. */
static void references_that_are_not_the_last_need_no_lock(void **state)
{
    struct domain *d;

    assert_int_equal(domain_create(DOMID_INVALID, &limits, handle, false, &d), 0);
    domain_ref(d);
    locks = 0;
    domain_put(d);
    domain_put(d);
    assert_int_equal(locks, 0);
    assert_int_equal(d->refs, 1);
    assert_int_equal(domain_destroy(d), 0);
    assert_true(locks > 0);
    assert_int_equal(live, 0);
}

static void unpausing_too_often_does_nothing(void **state)
{
    struct domain *d;

    assert_int_equal(domain_create(DOMID_INVALID, &limits, handle, false, &d), 0);
    domain_pause(d);
    domain_unpause(d);
    domain_unpause(d);
    domain_unpause(d);
    assert_int_equal(d->pause_count, 0);
    domain_put(d);
    assert_int_equal(domain_destroy(d), 0);
}

static void limits_are_checked(void **state)
{
    struct domain_limits wrong = limits;
    struct domain *d;

    wrong.max_vcpus = 0;
    assert_int_equal(domain_create(DOMID_INVALID, &wrong, handle, false, &d), -XEN_EINVAL);
    wrong.max_vcpus = MAX_VCPUS + 1;
    assert_int_equal(domain_create(DOMID_INVALID, &wrong, handle, false, &d), -XEN_EINVAL);
    assert_int_equal(allocations, 0);
}

void vcpu_fetch(struct vcpu *v, enum reg_group group)
{
    svm_fetch(v, group);
}

/* svm/vmcb.c: registers that go to the VMCB are not called clean there. */
static void what_is_written_back_is_not_called_clean(void **state)
{
    static struct vmcb before;
    struct domain *d;

    assert_int_equal(domain_create(DOMID_INVALID, &limits, handle, false, &d), 0);
    struct vcpu *v = d->vcpus[0];
    struct vmcb *b = vmcb_of(v);
    assert_int_equal(b->clean, 0); /* it has never been run */
    svm_write_back(v);
    for (unsigned int i = 0; i < 4; i++) {
        b->clean = VMCB_ALL;
        before = *b;
        if (i & 1) {
            struct vcpu_regs *r = vcpu_regs_write(v, REGS_CONTROL);
            r->cr0 ^= 1;
            r->cr2 ^= 1;
            r->cr3 ^= 0x1000;
            r->cr4 ^= 0x20;
            r->efer ^= 0x100;
        }
        if (i & 2)
            for (unsigned int s = 0; s < NR_SEGS; s++)
                vcpu_regs_write(v, REGS_SEGMENTS)->seg[s].base += 0x1000;
        svm_write_back(v);
        assert_true(clean_is_true(&before, b));
        assert_int_equal(!memcmp(&before, b, sizeof(before)), i == 0);
    }
    b->clean = VMCB_ALL;
    before = *b;
    vcpu_set_pat(v, 0x0606060606060606ul);
    assert_true(clean_is_true(&before, b) && b->pat != before.pat);
    svm_vcpu_reset(v);
    assert_int_equal(b->clean, 0);
    domain_put(d);
    assert_int_equal(domain_destroy(d), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(memory_may_end_anywhere, setup),
        cmocka_unit_test_setup(nobody_finds_a_domain_that_is_not_whole, setup),
        cmocka_unit_test_setup(ids_are_never_used_twice, setup),
        cmocka_unit_test_setup(the_structure_lives_as_long_as_somebody_holds_it, setup),
        cmocka_unit_test_setup(references_that_are_not_the_last_need_no_lock, setup),
        cmocka_unit_test_setup(unpausing_too_often_does_nothing, setup),
        cmocka_unit_test_setup(limits_are_checked, setup),
        cmocka_unit_test_setup(what_is_written_back_is_not_called_clean, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
