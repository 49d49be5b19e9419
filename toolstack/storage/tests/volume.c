/* volume.c - tests of the volumes of VMs, on whatever file system holds /tmp */
#include "toolstack/domain/tests/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "toolstack/storage/volume.h"

static char state[] = "/tmp/atoll-volume-XXXXXX";
static char template[128];
static const char uuid[] = "01234567-89ab-4def-8123-456789abcdef";

static const char *in_state(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", state, name);
    return path;
}

static void put(const char *path, const char *text, off_t at)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
    close(fd);
}

static void expect(const char *path, const char *text, off_t at)
{
    char got[64] = "";
    int fd = open(path, O_RDONLY);

    assert_true(fd >= 0);
    assert_int_equal(pread(fd, got, strlen(text), at), strlen(text));
    assert_string_equal(got, text);
    close(fd);
}

static int setup(void **unused)
{
    if (!mkdtemp(state))
        return -1;
    snprintf(template, sizeof(template), "%s/root.img", state);
    put(template, "begin", 0);
    put(template, "far", 64 << 20);
    return 0;
}

static int teardown(void **unused)
{
    int rc = volume_remove(state, uuid);

    rmdir(in_state("vms"));
    rc = rc ? rc : volume_remove_folder(state);
    strcpy(state + strlen(state) - 6, "XXXXXX");
    return rc;
}

static void copies_are_equal_and_sparse(void **unused)
{
    struct stat st;

    assert_int_equal(volume_copy(template, in_state("copy")), 0);
    expect(in_state("copy"), "begin", 0);
    expect(in_state("copy"), "far", 64 << 20);
    assert_int_equal(stat(in_state("copy"), &st), 0);
    assert_int_equal(st.st_size, (64 << 20) + 3);
    assert_true(st.st_blocks * 512 < 1 << 20);
    assert_int_equal(volume_copy(in_state("nothing"), in_state("copy2")), -ENOENT);
    assert_int_equal(access(in_state("copy2"), F_OK), -1);
    assert_int_equal(access(in_state("copy2.part"), F_OK), -1);
}

static void app_vm_discards_its_root(void **unused)
{
    struct volume_owner owner = {state, uuid, ROOT_OF_TEMPLATE, template};
    struct volume_set set;

    assert_int_equal(volume_create(state, uuid, 1 << 20, nullptr), 0);
    assert_int_equal(volume_start(&owner, 1 << 20, &set), 0);
    put(set.root, "other", 0);
    put(set.private_, "mine", 0);
    assert_int_equal(volume_stop(&owner), 0);
    expect(template, "begin", 0);
    assert_int_equal(access(set.root, F_OK), -1);
    assert_int_equal(access(set.volatile_, F_OK), -1);
    expect(set.private_, "mine", 0);
}

static void own_root_is_replaced_at_stop(void **unused)
{
    struct volume_owner owner = {state, uuid, ROOT_OWN, template};
    struct volume_set set;

    assert_int_equal(volume_create(state, uuid, 1 << 20, nullptr), 0);
    assert_int_equal(volume_start(&owner, 1 << 20, &set), 0);
    put(set.root, "other", 0);
    expect(template, "begin", 0); /* what others copy meanwhile */
    assert_int_equal(volume_stop(&owner), 0);
    expect(template, "other", 0);
}

static void own_root_survives_a_power_cut(void **unused)
{
    struct volume_owner owner = {state, uuid, ROOT_OWN, template};
    struct volume_set set;

    assert_int_equal(volume_create(state, uuid, 1 << 20, nullptr), 0);
    assert_int_equal(volume_start(&owner, 1 << 20, &set), 0);
    put(set.root, "other", 0);
    assert_int_equal(volume_start(&owner, 1 << 20, &set), 0); /* no stop in between */
    expect(set.root, "other", 0);
}

static void creation_is_all_or_nothing(void **unused)
{
    assert_int_equal(volume_create(state, uuid, 1 << 20, in_state("nothing")), -ENOENT);
    assert_int_equal(access(in_state("vms/01234567-89ab-4def-8123-456789abcdef"), F_OK), -1);
    assert_int_equal(volume_create(state, uuid, 1 << 20, template), 0);
    assert_int_equal(volume_create(state, uuid, 1 << 20, template), -EEXIST);
    expect(in_state("vms/01234567-89ab-4def-8123-456789abcdef/root.img"), "begin", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(copies_are_equal_and_sparse, setup, teardown),
        cmocka_unit_test_setup_teardown(app_vm_discards_its_root, setup, teardown),
        cmocka_unit_test_setup_teardown(own_root_is_replaced_at_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(own_root_survives_a_power_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(creation_is_all_or_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
