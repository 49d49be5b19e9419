/* quota.h - what one unprivileged domain may make the store hold. Domain 0 is not counted against these. */
#pragma once

struct quota {
    long nodes;             /* owned */
    long bytes;             /* of owned nodes, watches and unread events */
    long watches;           /* registered */
    long outstanding;       /* requests answered, answers not yet taken; no more are read until some are */
    long transactions;      /* open at once */
    long transaction_nodes; /* distinct nodes touched by one transaction */
    long permissions;       /* entries per node */
    long path_bytes;        /* length of a path, without the domain's home when below it */
    long node_bytes;        /* value and permissions of one node */
};

#define QUOTA_DEFAULT                                                                                                  \
    (struct quota){.nodes = 1000,                                                                                      \
                   .bytes = 2500 * 1024,                                                                               \
                   .watches = 128,                                                                                     \
                   .outstanding = 20,                                                                                  \
                   .transactions = 10,                                                                                 \
                   .transaction_nodes = 1024,                                                                          \
                   .permissions = 5,                                                                                   \
                   .path_bytes = 2048,                                                                                 \
                   .node_bytes = 2048}
