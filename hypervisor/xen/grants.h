/*
 * grants.h - grant table and maptrack of a domain, as gnttab*.c share them.
 *
 * Every grant has a state word of ours beside the guest's entry: how many uses are read-only and how many may write,
 * and a bit that one CPU holds while it changes the entry's reading/writing flags. That bit is the only exclusion
 * between users of a table: two CPUs meet only when they use the same grant at the same moment.
 *
 * A mapping is a maptrack entry of the mapper (its number is the handle), which holds the granter's domain; the frame
 * itself is held by the mapper's p2m entry. Locks: `lock` (growing) is innermost; the control lock of a direct domain
 * is outermost (direct.h).
 */
#pragma once
#include <hv/domain.h>
#include <hv/gnttab.h>
#include <hv/lock.h>

#define GRANTS_PER_FRAME   (PAGE_SIZE / sizeof(struct grant_entry_v1))
#define FRAMES_PER_PAGE    (PAGE_SIZE / sizeof(struct grant_frame))
#define POINTERS_PER_PAGE  (PAGE_SIZE / sizeof(void *))
#define DIRECTORY          16u
#define MAX_GRANT_FRAMES   (DIRECTORY * FRAMES_PER_PAGE)
#define MAX_MAPTRACK_PAGES (DIRECTORY * POINTERS_PER_PAGE)

#define STATE_BUSY    (1ul << 63)
#define STATE_READER  1ul
#define STATE_WRITER  (1ul << 30)
#define STATE_READERS (STATE_WRITER - 1)
#define STATE_WRITERS (STATE_READERS << 30)

struct grant_frame {
    struct grant_entry_v1 *shared; /* a shared heap page; published once */
    uint64_t *state;               /* one word per entry; published before `shared` */
};

enum map_state { MAP_FREE, MAP_BUSY, MAP_ACTIVE };

struct map_entry {
    struct domain *granter; /* with a reference */
    gfn_t gfn;              /* where the mapper has it */
    mfn_t mfn;
    union {
        grant_ref_t ref;
        uint32_t next_free; /* handle + 1, 0 = last */
    };
    uint16_t state; /* enum map_state; atomic */
    uint16_t write;
};

#define MAPS_PER_PAGE (PAGE_SIZE / sizeof(struct map_entry))

struct grant_table {
    spinlock_t lock; /* growing the table or the maptrack */
    unsigned int max_frames, frame_count;
    struct grant_frame *frames[DIRECTORY]; /* pages of them, published once */
    uint32_t mapped;                       /* mappings of our grants that others hold; atomic */

    unsigned int max_map_pages, map_page_count;
    struct map_entry **map_pages[DIRECTORY]; /* pages of pointers to pages of entries, published once */
    uint64_t free_maps;    /* lock-free stack: tag in the upper half against ABA, handle + 1 in the lower */
    uint32_t release_next; /* gnttab_release_mappings: where to go on */
};

/*
 * Uses a grant: checks the entry for `user`, marks it, and takes a reference on the frame. Returns GNTST_okay or Xen's
 * status; on failure nothing has changed. `mapping`: also refuse sub-page grants.
 */
[[nodiscard]] int grant_use(struct domain *granter, domid_t user, grant_ref_t untrusted_ref, bool write, bool mapping,
                            mfn_t *out);
/* Ends a use. The frame reference is the caller's to give back. */
void grant_unuse(struct domain *granter, grant_ref_t ref, bool write);

void maps_free(struct grant_table *t); /* all pages of the maptrack; no mapping is left */
/* Handles. alloc: NULL if the limit is reached or memory is short; the entry is MAP_BUSY. */
struct map_entry *map_alloc(struct grant_table *t, grant_handle_t *handle);
void map_free(struct grant_table *t, grant_handle_t handle, struct map_entry *m);
struct map_entry *map_of(struct grant_table *t, grant_handle_t untrusted_handle);
/* Drops what an entry holds besides its p2m entry, and frees it. Its state must be MAP_BUSY. */
void map_release(struct grant_table *t, grant_handle_t handle, struct map_entry *m);

/* The domain of the last operation, kept over a batch: most batches name one. */
struct granter_cache {
    struct domain *domain;
};
/* Borrowed; NULL: there is none. DOMID_SELF is not resolved. */
struct domain *granter_find(struct granter_cache *cache, domid_t untrusted_id);

/* The operations, some at a time: argument and answer of each stand in `ops`. */
void grant_map_chunk(struct vcpu *v, struct granter_cache *cache, void *ops, size_t n);
void grant_unmap_chunk(struct vcpu *v, struct granter_cache *cache, void *ops, size_t n);
void grant_copy_chunk(struct vcpu *v, struct granter_cache *cache, void *ops, size_t n);
void grant_copy_narrow_chunk(struct vcpu *v, struct granter_cache *cache, void *ops, size_t n); /* of 32-bit callers */
#define GRANT_CHUNK 32u                                                                         /* at most */
