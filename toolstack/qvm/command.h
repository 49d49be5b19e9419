/* command.h - the commands behind the one program: each is called by its name
 *
 * Exit statuses: 0 done, 1 refused or failed (after one sentence), 2 wrong usage.
 */
#pragma once
#include <getopt.h>
#include <stdbool.h>

#include "toolstack/qvm/listing.h"

typedef int command_main(int argc, char **argv);

command_main qvm_check, qvm_clone, qvm_create, qvm_features, qvm_kill, qvm_ls, qvm_pause, qvm_prefs, qvm_remove,
    qvm_shutdown, qvm_start, qvm_unpause;

/* What every command prints for --help (to stdout, status 0) or wrong usage (to stderr, status 2). */
int command_help(const char *usage);
int command_misuse(const char *usage);

/* Options that all have; a command's own follow in its table. */
enum { OPTION_HELP = 256, OPTION_VERSION, OPTION_OWN };
#define COMMON_OPTIONS                                                                                                 \
    {"help", no_argument, nullptr, OPTION_HELP}, {"version", no_argument, nullptr, OPTION_VERSION},                    \
        {"verbose", no_argument, nullptr, 'v'}, {"quiet", no_argument, nullptr, 'q'}

/* Handles such an option. Returns -1 if the command goes on, else its exit status. */
int command_common_option(int option, const char *usage);

/*
 * The VMs that a command is for: the arguments from `optind` on, or with `all` every VM but dom0 whose class fits, less
 * `excluded`. Names that do not exist are complained about. Returns false after an error; the array has `count` entries
 * and is freed by the caller; its entries belong to the listing.
 */
struct selection {
    struct listing listing;
    struct listed_vm **vms;
    size_t count;
};
[[nodiscard]] bool selection_make(struct selection *s, int argc, char **argv, bool all, char *const excluded[],
                                  size_t excluded_count);
void selection_free(struct selection *s);

enum { EXCLUDED_MAX = 256 };
