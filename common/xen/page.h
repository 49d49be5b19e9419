/* page.h - the page of the Xen ABI on x86 */
#pragma once

#define XEN_PAGE      4096u
#define XEN_PAGES_MAX (1u << 20) /* more in one call is a mistake: 4 GiB */
