/* test_evtchn.c - event channels: binding, delivery, closing, and all of them at once */
#include <pthread.h>
#include "world_test.h"
#include "xen/ports.h"

static struct domain *a, *b, *c;

static int three_domains(void **state)
{
    world_setup();
    a = world_domain(0, 2);
    b = world_domain(1, 4);
    c = world_domain(2, 1);
    return 0;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, three_domains, teardown)

static void ports_start_at_one_and_are_masked(void **state)
{
    evtchn_port_t port;

    assert_int_equal(evtchn_alloc(b->vcpus[0], DOMID_SELF, 0, &port), 0);
    assert_int_equal(port, 1);
    assert_int_equal(evtchn_alloc(b->vcpus[0], DOMID_SELF, 0, &port), 0);
    assert_int_equal(port, 2);
    assert_int_equal(b->shared_info->evtchn_mask[0], ~0ul);
}

static void a_new_connection_is_pending_at_the_binder(void **state)
{
    evtchn_port_t pa, pb;

    evtchn_connect(a->vcpus[0], b->vcpus[0], &pa, &pb);
    assert_true(port_pending(b, pb));
    assert_false(port_pending(a, pa));
}

static void events_cross_and_raise_once(void **state)
{
    evtchn_port_t pa, pb;
    struct vcpu *v = b->vcpus[0];

    evtchn_connect(a->vcpus[0], v, &pa, &pb);
    port_clear(b, pb);
    port_set_mask(b, pb, false);
    assert_int_equal(evtchn_port_op(a->vcpus[0], EVTCHNOP_send, pa), 0);
    assert_true(port_pending(b, pb));
    assert_int_equal(v->info->evtchn_pending_sel, 1);
    assert_int_equal(v->info->evtchn_upcall_pending, 1);
    assert_int_equal(notes(v)->upcalls, 1);
    assert_int_equal(evtchn_port_op(a->vcpus[0], EVTCHNOP_send, pa), 0); /* pending already: no second edge */
    assert_int_equal(notes(v)->upcalls, 1);
    port_clear(b, pb); /* the guest scans, but its upcall byte is still set */
    v->info->evtchn_pending_sel = 0;
    assert_int_equal(evtchn_port_op(a->vcpus[0], EVTCHNOP_send, pa), 0);
    assert_int_equal(notes(v)->upcalls, 1);
    port_clear(b, pb);
    v->info->evtchn_pending_sel = 0;
    v->info->evtchn_upcall_pending = 0;
    assert_int_equal(evtchn_port_op(a->vcpus[0], EVTCHNOP_send, pa), 0);
    assert_int_equal(notes(v)->upcalls, 2);
}

static void masked_events_wait_for_unmask(void **state)
{
    evtchn_port_t pa, pb;
    struct vcpu *v = b->vcpus[0];

    evtchn_connect(a->vcpus[0], v, &pa, &pb);
    port_clear(b, pb);
    assert_int_equal(evtchn_port_op(a->vcpus[0], EVTCHNOP_send, pa), 0);
    assert_true(port_pending(b, pb));
    assert_int_equal(notes(v)->upcalls, 0);
    assert_int_equal(evtchn_port_op(v, EVTCHNOP_unmask, pb), 0);
    assert_int_equal(notes(v)->upcalls, 1);
    assert_int_equal(evtchn_port_op(v, EVTCHNOP_unmask, pb), 0); /* was not masked: nothing happens */
    assert_int_equal(notes(v)->upcalls, 1);
    assert_int_equal(evtchn_port_op(v, EVTCHNOP_unmask, 4096), -XEN_EINVAL);
    assert_int_equal(evtchn_port_op(v, EVTCHNOP_unmask, 0), -XEN_EINVAL);
}

static void ipis_go_to_their_vcpu(void **state)
{
    struct evtchn_bind_ipi ipi = {.vcpu = 3};

    assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &ipi, sizeof(ipi)), 0);
    port_set_mask(b, ipi.port, false);
    assert_int_equal(evtchn_port_op(b->vcpus[0], EVTCHNOP_send, ipi.port), 0);
    assert_int_equal(notes(b->vcpus[3])->upcalls, 1);
    struct evtchn_bind_vcpu move = {.port = ipi.port, .vcpu = 1};
    assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_bind_vcpu, &move, sizeof(move)),
                     -XEN_EINVAL);
    ipi.vcpu = 4;
    assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &ipi, sizeof(ipi)),
                     -XEN_ENOENT);
}

static long bind_virq(struct vcpu *v, uint32_t virq, uint32_t vcpu, evtchn_port_t *port)
{
    struct evtchn_bind_virq bind = {.virq = virq, .vcpu = vcpu};
    long rc = hc_arg(v, __HYPERVISOR_event_channel_op, EVTCHNOP_bind_virq, &bind, sizeof(bind));
    *port = bind.port;
    return rc;
}

static void virqs_bind_once_and_in_their_place(void **state)
{
    evtchn_port_t timer, console, again;

    assert_int_equal(bind_virq(b->vcpus[0], VIRQ_TIMER, 2, &timer), 0);
    assert_int_equal(bind_virq(b->vcpus[0], VIRQ_TIMER, 2, &again), -XEN_EEXIST);
    assert_int_equal(bind_virq(b->vcpus[0], VIRQ_TIMER, 1, &again), 0);
    assert_int_equal(bind_virq(b->vcpus[0], VIRQ_CONSOLE, 1, &again), -XEN_EINVAL);
    assert_int_equal(bind_virq(b->vcpus[0], VIRQ_CONSOLE, 0, &console), 0);
    assert_int_equal(bind_virq(b->vcpus[0], NR_VIRQS, 0, &again), -XEN_EINVAL);
    assert_int_equal(bind_virq(b->vcpus[0], VIRQ_TIMER, 4, &again), -XEN_ENOENT);
    evtchn_raise_virq(b->vcpus[2], VIRQ_TIMER);
    assert_true(port_pending(b, timer));
    evtchn_raise_virq(b->vcpus[3], VIRQ_TIMER); /* nobody listens */
    assert_int_equal(evtchn_port_op(b->vcpus[0], EVTCHNOP_send, timer), -XEN_EINVAL);
    assert_int_equal(evtchn_port_op(b->vcpus[0], EVTCHNOP_close, timer), 0);
    assert_false(port_pending(b, timer));
    assert_int_equal(bind_virq(b->vcpus[0], VIRQ_TIMER, 2, &again), 0);
    assert_int_equal(again, timer);
    assert_false(port_pending(b, again));
}

static void global_virqs_can_move(void **state)
{
    evtchn_port_t port;

    assert_int_equal(bind_virq(b->vcpus[0], VIRQ_DOM_EXC, 0, &port), 0);
    struct evtchn_bind_vcpu move = {.port = port, .vcpu = 2};
    assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_bind_vcpu, &move, sizeof(move)), 0);
    port_set_mask(b, port, false);
    evtchn_raise_global_virq(b, VIRQ_DOM_EXC);
    assert_int_equal(notes(b->vcpus[2])->upcalls, 1);
    assert_int_equal(evtchn_port_op(b->vcpus[0], EVTCHNOP_close, port), 0); /* moved, yet found again */
    assert_int_equal(bind_virq(b->vcpus[0], VIRQ_DOM_EXC, 0, &port), 0);
}

static void only_the_named_domain_may_bind(void **state)
{
    evtchn_port_t pa, got;

    assert_int_equal(evtchn_alloc(a->vcpus[0], DOMID_SELF, 1, &pa), 0);
    assert_int_equal(evtchn_bind(c->vcpus[0], 0, pa, &got), -XEN_EINVAL);
    assert_int_equal(evtchn_bind(b->vcpus[0], 0, pa + 1, &got), -XEN_EINVAL);
    assert_int_equal(evtchn_bind(b->vcpus[0], 0, 0, &got), -XEN_EINVAL);
    assert_int_equal(evtchn_bind(b->vcpus[0], 0, 99999, &got), -XEN_EINVAL);
    assert_int_equal(evtchn_bind(b->vcpus[0], 55, pa, &got), -XEN_ESRCH);
    assert_int_equal(evtchn_bind(b->vcpus[0], 0, pa, &got), 0);
    assert_int_equal(evtchn_bind(b->vcpus[0], 0, pa, &got), -XEN_EINVAL); /* taken */
}

static void the_toolstack_opens_ports_for_others(void **state)
{
    evtchn_port_t port, got;

    assert_int_equal(evtchn_alloc(a->vcpus[0], 1, 0, &port), 0);
    assert_int_equal(evtchn_bind(a->vcpus[0], 1, port, &got), 0);
    assert_int_equal(evtchn_alloc(c->vcpus[0], 1, 2, &port), -XEN_EPERM);
    assert_int_equal(evtchn_alloc(a->vcpus[0], 44, 0, &port), -XEN_ESRCH);
}

static void a_domain_can_talk_to_itself(void **state)
{
    evtchn_port_t p, q;

    evtchn_connect(a->vcpus[0], a->vcpus[1], &p, &q);
    port_clear(a, q);
    assert_int_equal(evtchn_port_op(a->vcpus[0], EVTCHNOP_send, p), 0);
    assert_true(port_pending(a, q));
    assert_int_equal(evtchn_port_op(a->vcpus[0], EVTCHNOP_close, p), 0);
    assert_sound();
    assert_int_equal(evtchn_port_op(a->vcpus[0], EVTCHNOP_send, q), 0);
    assert_false(port_pending(a, p));
}

static void send_to_a_closed_peer_is_silent(void **state)
{
    evtchn_port_t pa, pb, again;

    evtchn_connect(a->vcpus[0], b->vcpus[0], &pa, &pb);
    assert_int_equal(evtchn_port_op(b->vcpus[0], EVTCHNOP_close, pb), 0);
    assert_false(port_pending(b, pb));
    assert_int_equal(evtchn_port_op(a->vcpus[0], EVTCHNOP_send, pa), 0);
    assert_false(port_pending(b, pb));
    assert_int_equal(evtchn_port_op(b->vcpus[0], EVTCHNOP_send, pb), -XEN_EINVAL);
    assert_int_equal(evtchn_bind(b->vcpus[0], 0, pa, &again), 0); /* the same peer may come back */
    assert_int_equal(evtchn_port_op(b->vcpus[0], EVTCHNOP_close, pa == 1 ? 77 : pa), -XEN_EINVAL);
}

static void status_tells_what_is_bound(void **state)
{
    evtchn_port_t pa, pb;
    struct evtchn_status s = {.dom = DOMID_SELF};

    evtchn_connect(a->vcpus[0], b->vcpus[0], &pa, &pb);
    s.port = pb;
    assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_status, &s, sizeof(s)), 0);
    assert_int_equal(s.status, EVTCHNSTAT_interdomain);
    assert_int_equal(s.u.interdomain.dom, 0);
    assert_int_equal(s.u.interdomain.port, pa);
    s = (struct evtchn_status){.dom = DOMID_SELF, .port = 4095};
    assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_status, &s, sizeof(s)), 0);
    assert_int_equal(s.status, EVTCHNSTAT_closed);
    s.port = 4096;
    assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_status, &s, sizeof(s)), -XEN_EINVAL);
    s = (struct evtchn_status){.dom = 0, .port = pa};
    assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_status, &s, sizeof(s)), -XEN_EPERM);
    s.dom = 99;
    assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_status, &s, sizeof(s)), -XEN_ESRCH);
}

static void ports_run_out_without_harm(void **state)
{
    struct domain *d =
        world_domain_limited(3, &(struct domain_limits){.max_vcpus = 1, .max_grant_frames = 1, .max_ports = 5});
    evtchn_port_t port;

    for (int i = 1; i < 5; i++)
        assert_int_equal(evtchn_alloc(d->vcpus[0], DOMID_SELF, 0, &port), 0);
    assert_int_equal(evtchn_alloc(d->vcpus[0], DOMID_SELF, 0, &port), -XEN_ENOSPC);
    assert_int_equal(evtchn_port_op(d->vcpus[0], EVTCHNOP_close, 2), 0);
    assert_int_equal(evtchn_alloc(d->vcpus[0], DOMID_SELF, 0, &port), 0);
    assert_int_equal(port, 2);
    world.fail_heap_after = 0;
    for (int i = 0; i < 200; i++) {
        long rc = evtchn_alloc(b->vcpus[0], DOMID_SELF, 0, &port);
        assert_true(rc == 0 || rc == -XEN_ENOMEM);
    }
    world.fail_heap_after = SIZE_MAX;
}

static void a_caller_that_cannot_be_told_gets_no_port(void **state)
{
    struct evtchn_alloc_unbound arg = {.dom = DOMID_SELF, .remote_dom = 0};
    uint64_t at = 0x2000 - offsetof(struct evtchn_alloc_unbound, port);

    assert_int_equal(copy_to_gpa(b, GPA(at), &arg, sizeof(arg)), 0);
    /* the page is readable while the argument is read: make it so by a read-only mapping of the port's page */
    struct p2m_entry e = p2m_lookup(b, GFN(2));
    assert_true(frame_get(e.mfn, b));
    assert_int_equal(p2m_map(b, GFN(2), e.mfn, P2M_RAM_RO), 0);
    assert_int_equal(hc(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, at, 0), -XEN_EFAULT);
    evtchn_port_t port;
    assert_int_equal(p2m_lookup(b, GFN(2)).type, P2M_RAM_RO);
    assert_true(frame_get(e.mfn, b));
    assert_int_equal(p2m_map(b, GFN(2), e.mfn, P2M_RAM), 0);
    assert_int_equal(evtchn_alloc(b->vcpus[0], DOMID_SELF, 0, &port), 0);
    assert_int_equal(port, 1);
}

static void reset_closes_everything(void **state)
{
    evtchn_port_t pa, pb, virq;
    struct evtchn_reset reset = {.dom = DOMID_SELF};

    evtchn_connect(a->vcpus[0], b->vcpus[0], &pa, &pb);
    assert_int_equal(bind_virq(b->vcpus[0], VIRQ_TIMER, 0, &virq), 0);
    assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_reset, &reset, sizeof(reset)), 0);
    assert_sound();
    assert_int_equal(evtchn_port_op(b->vcpus[0], EVTCHNOP_send, pb), -XEN_EINVAL);
    assert_int_equal(bind_virq(b->vcpus[0], VIRQ_TIMER, 0, &virq), 0);
    assert_int_equal(evtchn_port_op(a->vcpus[0], EVTCHNOP_send, pa), 0);
    reset.dom = 0;
    assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_reset, &reset, sizeof(reset)),
                     -XEN_EPERM);
}

static void death_leaves_peers_unbound(void **state)
{
    evtchn_port_t pa, pb, unbound;

    evtchn_connect(a->vcpus[0], b->vcpus[0], &pa, &pb);
    assert_int_equal(evtchn_alloc(b->vcpus[0], DOMID_SELF, 0, &unbound), 0);
    assert_int_equal(domain_destroy(b), 0);
    assert_sound();
    assert_int_equal(evtchn_port_op(a->vcpus[0], EVTCHNOP_send, pa), 0);
    assert_int_equal(evtchn_bind(a->vcpus[0], 1, unbound, &pb), -XEN_EINVAL);
    assert_int_equal(evtchn_alloc(a->vcpus[0], 1, 0, &pb), -XEN_ESRCH);
    assert_int_equal(evtchn_port_op(a->vcpus[0], EVTCHNOP_close, pa), 0);
}

static void nobody_binds_to_the_dying(void **state)
{
    evtchn_port_t unbound, got;

    assert_int_equal(evtchn_alloc(b->vcpus[0], DOMID_SELF, 0, &unbound), 0);
    b->dying = true; /* its ports are not closed yet */
    assert_int_equal(evtchn_bind(a->vcpus[0], 1, unbound, &got), -XEN_EINVAL);
    b->dying = false;
    assert_int_equal(evtchn_bind(a->vcpus[0], 1, unbound, &got), 0);
}

static void fifo_is_not_offered(void **state)
{
    uint8_t zeros[32] = {0};

    for (unsigned int op = EVTCHNOP_init_control; op < 20; op++)
        assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, op, zeros, sizeof(zeros)), -XEN_ENOSYS);
    assert_int_equal(hc_arg(b->vcpus[0], __HYPERVISOR_event_channel_op, EVTCHNOP_bind_pirq, zeros, sizeof(zeros)),
                     -XEN_ENOSYS);
}

/* ---- threads ---- */

static bool stop;

static void *send_forever(void *arg)
{
    evtchn_port_t port = *(evtchn_port_t *)arg;

    world_enter(a->vcpus[1]);
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        long rc = port_send(a, port);
        if (rc != 0)
            abort(); /* its own port is always open */
    }
    return NULL;
}

/* One CPU sends without a lock while others close, die and bind anew: no event to freed memory, none to a closed port.
 */
static void sending_races_with_closing(void **state)
{
    evtchn_port_t pa, pb;
    pthread_t thread[2];

    stop = false;
    assert_int_equal(evtchn_alloc(a->vcpus[0], DOMID_SELF, 1, &pa), 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, send_forever, &pa);
    for (int round = 0; round < 3000; round++) {
        long port = port_bind_interdomain(b, a, pa);
        assert_true(port > 0);
        pb = (evtchn_port_t)port;
        assert_int_equal(port_close(b, pb), 0);
        assert_false(port_pending(b, pb)); /* and nothing comes after the close */
    }
    /* the peer dies while they send */
    assert_true(port_bind_interdomain(b, a, pa) > 0);
    assert_int_equal(domain_destroy(b), 0);
    __atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
}

static void *close_mine(void *arg)
{
    struct domain *d = arg;

    for (int i = 0; i < 20000; i++) {
        for (evtchn_port_t port = 1; port < 4; port++)
            (void)!port_close(d, port);
    }
    return NULL;
}

static void *bind_mine(void *arg)
{
    struct domain *d = arg, *peer = d == a ? b : a;

    for (int i = 0; i < 20000; i++) {
        (void)!port_alloc_unbound(d, peer->id);
        (void)!port_bind_interdomain(d, peer, 1 + (evtchn_port_t)i % 3);
    }
    return NULL;
}

/* Both ends of a connection are closed and opened by everybody: no deadlock, no lost or double reference. */
static void closing_races_with_closing_at_the_other_end(void **state)
{
    pthread_t t[4];

    pthread_create(&t[0], NULL, close_mine, a);
    pthread_create(&t[1], NULL, close_mine, b);
    pthread_create(&t[2], NULL, bind_mine, a);
    pthread_create(&t[3], NULL, bind_mine, b);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_sound();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ports_start_at_one_and_are_masked),
        TEST(a_new_connection_is_pending_at_the_binder),
        TEST(events_cross_and_raise_once),
        TEST(masked_events_wait_for_unmask),
        TEST(ipis_go_to_their_vcpu),
        TEST(virqs_bind_once_and_in_their_place),
        TEST(global_virqs_can_move),
        TEST(only_the_named_domain_may_bind),
        TEST(the_toolstack_opens_ports_for_others),
        TEST(a_domain_can_talk_to_itself),
        TEST(send_to_a_closed_peer_is_silent),
        TEST(status_tells_what_is_bound),
        TEST(ports_run_out_without_harm),
        TEST(a_caller_that_cannot_be_told_gets_no_port),
        TEST(reset_closes_everything),
        TEST(death_leaves_peers_unbound),
        TEST(nobody_binds_to_the_dying),
        TEST(fifo_is_not_offered),
        TEST(sending_races_with_closing),
        TEST(closing_races_with_closing_at_the_other_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
