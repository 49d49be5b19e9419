/* format.c - lib/format.c with names that do not hide the C library's */
#define snprintf  ours
#define vsnprintf ours_v
#include "../../../lib/format.c"
