#include <hv/hypercall.h>
long do_atoll_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg);
[[gnu::weak]] long do_atoll_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg) { return -XEN_ENOSYS; }
[[gnu::weak]] long do_domctl(struct vcpu *v, guest_ptr_t arg) { return -XEN_ENOSYS; }
[[gnu::weak]] long do_sysctl(struct vcpu *v, guest_ptr_t arg) { return -XEN_ENOSYS; }
[[gnu::weak]] long do_memory_op(struct vcpu *v, uint64_t cmd, guest_ptr_t arg) { return -XEN_ENOSYS; }
