/* xen.h - the public Xen ABI: every structure and number comes from Debian's libxen-dev headers */
#pragma once
#include <hv/types.h>

#ifndef __XEN_INTERFACE_VERSION__
#define __XEN_INTERFACE_VERSION__ 0x00041400
#endif
#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1 /* domctl and sysctl layouts */
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include <xen/xen.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#pragma GCC diagnostic pop

/* errno values of the ABI are Linux' numbers; the header gives XEN_EINVAL and so on. Handlers return their negatives.
 */
/* Internal, as in Xen: the call goes on when it is made again. No guest ever sees it. */
#ifndef XEN_ERESTART
#define XEN_ERESTART 85
#endif
