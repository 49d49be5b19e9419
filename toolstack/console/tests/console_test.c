/* The console of a VM: ring, log, viewers, and VMs that break the rules. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "log_file.h"
#include "vm_console.h"

struct rig {
    char folder[64];
    struct console_host host;
    struct xencons_interface *page;
    struct vm_console *console;
    int notified;
};

static void count(void *context)
{
    ++*(int *)context;
}

static void begin(struct rig *r)
{
    *r = (struct rig){.folder = "/tmp/console-test.XXXXXX"};
    assert_non_null(mkdtemp(r->folder));
    r->page = calloc(1, sizeof(*r->page));
    assert_non_null(r->page);
    assert_true(sd_event_new(&r->host.event) >= 0);
    r->host.log_folder = r->host.socket_folder = r->folder;
    assert_int_equal(vm_console_create(&r->console, &r->host, "work", r->page, count, &r->notified), 0);
}

static void end(struct rig *r)
{
    char command[128];

    vm_console_destroy(r->console);
    sd_event_unref(r->host.event);
    free(r->page);
    snprintf(command, sizeof(command), "rm -r %s", r->folder);
    assert_int_equal(system(command), 0);
}

static void print(struct rig *r, const char *text)
{
    for (; *text; text++)
        r->page->out[MASK_XENCONS_IDX(r->page->out_prod++, r->page->out)] = *text;
}

static char *file(const struct rig *r, const char *name)
{
    static char content[8192];
    char path[128];
    size_t bytes;
    FILE *stream;

    snprintf(path, sizeof(path), "%s/%s", r->folder, name);
    stream = fopen(path, "r");
    assert_non_null(stream);
    bytes = fread(content, 1, sizeof(content) - 1, stream);
    fclose(stream);
    content[bytes] = '\0';
    return content;
}

static int view(struct rig *r)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/work", r->folder);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_true(sd_event_run(r->host.event, 10000000) > 0);
    return fd;
}

static void output_is_logged_cleanly(void **state)
{
    struct rig r;

    begin(&r);
    print(&r, "login: \x1b[31mred\x1b[0m\r\n\xe2\x82");
    assert_true(vm_console_pump(r.console));
    assert_int_equal(r.notified, 1);
    assert_int_equal(r.page->out_cons, r.page->out_prod);
    print(&r, "\xac\n"); /* the rest of a character */
    assert_true(vm_console_pump(r.console));
    assert_string_equal(file(&r, "guest-work.log"), "login: _[31mred_[0m\r\n\xe2\x82\xac\n");
    end(&r);
}

static void viewer_sees_what_was_and_what_comes(void **state)
{
    struct rig r;
    char seen[64] = "";
    int fd;

    begin(&r);
    print(&r, "before ");
    assert_true(vm_console_pump(r.console));
    fd = view(&r);
    print(&r, "after");
    assert_true(vm_console_pump(r.console));
    assert_int_equal(recv(fd, seen, 12, MSG_WAITALL), 12);
    assert_string_equal(seen, "before after");
    close(fd);
    end(&r);
}

static void typing_reaches_the_vm(void **state)
{
    struct rig r;
    int fd;

    begin(&r);
    fd = view(&r);
    assert_int_equal(write(fd, "root\n", 5), 5);
    assert_true(sd_event_run(r.host.event, 10000000) > 0);
    assert_int_equal(r.page->in_prod, 5);
    assert_memory_equal(r.page->in, "root\n", 5);
    assert_int_equal(r.notified, 1);
    close(fd);
    assert_true(sd_event_run(r.host.event, 10000000) > 0);
    end(&r);
}

static void full_input_waits_for_the_vm(void **state)
{
    struct rig r;
    int fd;

    begin(&r);
    fd = view(&r);
    r.page->in_cons = (uint32_t)-1020; /* four bytes are free */
    assert_int_equal(write(fd, "0123456789", 10), 10);
    assert_true(sd_event_run(r.host.event, 10000000) > 0);
    assert_int_equal(r.page->in_prod, 4);
    r.page->in_cons = 4;
    assert_true(vm_console_pump(r.console));
    assert_int_equal(r.page->in_prod, 10);
    assert_memory_equal(r.page->in, "0123456789", 10);
    close(fd);
    end(&r);
}

static void impossible_indices_are_refused(void **state)
{
    struct rig r;
    int fd;

    begin(&r);
    r.page->out_prod = 2049;
    assert_false(vm_console_pump(r.console));
    r.page->out_prod = 0;
    fd = view(&r);
    r.page->in_cons = 1; /* it read what was not written */
    assert_int_equal(write(fd, "x", 1), 1);
    assert_true(sd_event_run(r.host.event, 10000000) > 0);
    assert_int_equal(r.page->in_prod, 0);
    assert_false(vm_console_pump(r.console));
    close(fd);
    end(&r);
}

static void endless_output_is_throttled(void **state)
{
    struct rig r;
    uint32_t printed = 0;

    begin(&r);
    for (int i = 0; i < 100; i++) {
        r.page->out_prod = r.page->out_cons + 2048;
        assert_true(vm_console_pump(r.console));
        printed = r.page->out_cons;
    }
    assert_int_equal(printed, 64 << 10);
    assert_true(sd_event_run(r.host.event, 10000000) > 0); /* the next period */
    assert_true(r.page->out_cons > printed);
    end(&r);
}

static void log_is_bounded(void **state)
{
    struct log_file log;
    char folder[] = "/tmp/console-test.XXXXXX", path[64], old[64];
    struct stat now, before;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/log", folder);
    snprintf(old, sizeof(old), "%s/log.1", folder);
    assert_int_equal(log_file_open(&log, path, 100), 0);
    for (int i = 0; i < 1000; i++)
        log_file_write(&log, "0123456789abcdef", 16);
    log_file_close(&log);
    assert_int_equal(stat(path, &now), 0);
    assert_int_equal(stat(old, &before), 0);
    assert_true(now.st_size <= 100 && now.st_size >= 16);
    assert_true(before.st_size <= 100 && before.st_size > 80);
    assert_int_equal(log_file_open(&log, path, 100), 0); /* goes on in the same file */
    assert_int_equal(log.size, now.st_size);
    log_file_close(&log);
    unlink(path);
    unlink(old);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_is_logged_cleanly),
        cmocka_unit_test(viewer_sees_what_was_and_what_comes),
        cmocka_unit_test(typing_reaches_the_vm),
        cmocka_unit_test(full_input_waits_for_the_vm),
        cmocka_unit_test(impossible_indices_are_refused),
        cmocka_unit_test(endless_output_is_throttled),
        cmocka_unit_test(log_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
