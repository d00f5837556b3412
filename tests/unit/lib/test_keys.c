/* keys: CURVE pairs in files */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "lib/keys.h"
#include "lib/text.h"

static char folder[64];
static char path[128];
static char public_path[128];

static int
make_folder(void **state)
{
    (void) state;
    (void) snprintf(folder, sizeof(folder), "/tmp/millibill-keys-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    (void) snprintf(path, sizeof(path), "%s/a.key", folder);
    (void) snprintf(public_path, sizeof(public_path), "%s/a.pub", folder);
    return 0;
}

static int
remove_folder(void **state)
{
    (void) state;
    unlink(path);
    unlink(public_path);
    return rmdir(folder);
}

static void
a_pair_is_secret_and_made_once(void **state)
{
    char first[KEY_TEXT_BYTES], second[KEY_TEXT_BYTES];
    struct stat status;
    (void) state;
    assert_true(keys_ensure(path, public_path, first, NULL));
    assert_int_equal(strlen(first), 40);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(public_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0644);
    assert_true(keys_ensure(path, NULL, second, NULL));
    assert_string_equal(first, second);
}

static void
a_damaged_pair_is_not_replaced(void **state)
{
    char key[KEY_TEXT_BYTES];
    Err err = {0};
    (void) state;
    assert_true(file_write(path, "public short\n", 13, 0600, NULL));
    assert_false(keys_ensure(path, NULL, key, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_int_equal(access(path, F_OK), 0);
}

static void
a_pair_that_others_may_read_is_refused(void **state)
{
    char key[KEY_TEXT_BYTES], secret[KEY_TEXT_BYTES];
    Err err = {0};
    (void) state;
    assert_true(keys_ensure(path, public_path, key, &err));
    assert_true(keys_read_pair(path, key, secret, &err));
    assert_int_equal(chmod(path, 0640), 0);
    assert_false(keys_read_pair(path, key, secret, &err));
    assert_int_equal(err.code, ERR_DENIED);
    assert_non_null(strstr(err.hint, "chmod 0600"));
    err_clear(&err);
    assert_true(keys_read_public(public_path, secret, &err));
    assert_string_equal(key, secret);
    assert_false(keys_read_public("/nowhere/key", key, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pair_is_secret_and_made_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_pair_that_others_may_read_is_refused, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_damaged_pair_is_not_replaced, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
