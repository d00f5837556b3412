/* Which tenant a source speaks for: the first binding that fits its socket and its user. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/binding.h"

#define USUAL "/run/mb/agent.sock"
#define ACME "/run/mb/acme.sock"
#define SHOP "/run/mb/shop.sock"

static Config config;

static void
bind_to(const char *socket, const char *user, const char *group, const char *tenant)
{
    ConfigBinding *binding = &config.bindings[config.binding_count++];
    snprintf(binding->socket, sizeof(binding->socket), "%s", socket);
    snprintf(binding->user, sizeof(binding->user), "%s", user);
    snprintf(binding->group, sizeof(binding->group), "%s", group);
    snprintf(binding->tenant, sizeof(binding->tenant), "%s", tenant);
}

static int
make_config(void **state)
{
    (void) state;
    memset(&config, 0, sizeof(config));
    snprintf(config.agent_socket, sizeof(config.agent_socket), USUAL);
    snprintf(config.import_socket, sizeof(config.import_socket), "/run/mb/import.sock");
    snprintf(config.ring_socket, sizeof(config.ring_socket), "/run/mb/ring.sock");
    return 0;
}

static Bindings *
resolved(void)
{
    Err err = {0};
    Bindings *bindings = bindings_new(&config, &err);
    if (bindings == NULL)
        fail_msg("%s", err.message);
    return bindings;
}

static void
the_first_binding_that_fits_decides(void **state)
{
    (void) state;
    bind_to(ACME, "1001", "", "acme-batch");
    bind_to(ACME, "", "", "acme");
    bind_to("", "1001", "", "solo");
    bind_to(SHOP, "", "", "shop");
    static const struct {
        const char *socket;
        uid_t uid;
        const char *tenant; /* NULL: names its tenant itself */
    } CASES[] = {
        {ACME, 1001, "acme-batch"}, {ACME, 1002, "acme"}, {ACME, 0, "acme"},
        {USUAL, 1001, "solo"},      {SHOP, 1001, "solo"}, {SHOP, 1002, "shop"},
        {USUAL, 1002, NULL},        {USUAL, 0, NULL},     {"/run/mb/acme.soc", 7, NULL},
    };
    Bindings *bindings = resolved();
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        Text tenant = {0};
        bool found = binding_find(bindings, CASES[i].socket, CASES[i].uid, &tenant);
        if (found != (CASES[i].tenant != NULL) || (found && !text_is(tenant, CASES[i].tenant)))
            fail_msg("case %zu: user %u on %s speaks for '%.*s'", i, (unsigned) CASES[i].uid, CASES[i].socket,
                     TEXT_ARG(tenant));
    }
    bindings_free(&bindings);
}

static void
without_bindings_nobody_is_bound_and_everybody_is_let_in(void **state)
{
    (void) state;
    Bindings *bindings = resolved();
    Text tenant;
    size_t at = 0;
    gid_t group;
    assert_false(binding_find(bindings, USUAL, 1001, &tenant));
    assert_true(binding_admits(bindings, 1001));
    assert_null(binding_next_socket(bindings, &at));
    assert_false(binding_group(bindings, USUAL, &group));
    bindings_free(&bindings);
}

static void
a_binding_without_socket_and_user_holds_for_all(void **state)
{
    (void) state;
    bind_to("", "", "", "only-one");
    Bindings *bindings = resolved();
    Text tenant;
    assert_true(binding_find(bindings, USUAL, 4711, &tenant));
    assert_true(text_is(tenant, "only-one"));
    bindings_free(&bindings);
}

static void
the_list_of_users_keeps_others_out_but_never_root_or_the_agent(void **state)
{
    (void) state;
    snprintf(config.allow_users[0], CONFIG_USER_BYTES, "1001");
    snprintf(config.allow_users[1], CONFIG_USER_BYTES, "nobody");
    config.allow_user_count = 2;
    Bindings *bindings = resolved();
    assert_true(binding_admits(bindings, 1001));
    assert_true(binding_admits(bindings, 65534));
    assert_true(binding_admits(bindings, 0));
    assert_true(binding_admits(bindings, geteuid()));
    assert_false(binding_admits(bindings, 54321));
    bindings_free(&bindings);
}

static void
names_that_this_host_does_not_know_are_mistakes(void **state)
{
    (void) state;
    Err err = {0};
    bind_to("", "no-such-user-here", "", "acme");
    assert_null(bindings_new(&config, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.message, "no user 'no-such-user-here'"));
    make_config(NULL);
    bind_to(ACME, "", "no-such-group-here", "acme");
    err_clear(&err);
    assert_null(bindings_new(&config, &err));
    assert_non_null(strstr(err.message, "no group 'no-such-group-here'"));
    make_config(NULL);
    snprintf(config.allow_users[0], CONFIG_USER_BYTES, "4294967295"); /* what the kernel calls "no user" */
    config.allow_user_count = 1;
    err_clear(&err);
    assert_null(bindings_new(&config, &err));
}

static void
sockets_of_bindings_are_opened_once_and_never_instead_of_the_usual_ones(void **state)
{
    (void) state;
    bind_to(USUAL, "1001", "", "acme");
    bind_to("", "1002", "", "acme");
    bind_to(ACME, "1003", "", "acme");
    bind_to(SHOP, "", "0", "shop");
    bind_to(ACME, "", "", "acme");
    Bindings *bindings = resolved();
    size_t at = 0;
    gid_t group = 9;
    assert_string_equal(binding_next_socket(bindings, &at), ACME);
    assert_string_equal(binding_next_socket(bindings, &at), SHOP);
    assert_null(binding_next_socket(bindings, &at));
    assert_true(binding_group(bindings, SHOP, &group));
    assert_int_equal(group, 0);
    assert_false(binding_group(bindings, ACME, &group));
    bindings_free(&bindings);
}

static void
the_kernel_says_who_the_peer_is(void **state)
{
    (void) state;
    char own[CONFIG_USER_BYTES];
    int pair[2];
    BindingPeer peer;
    snprintf(own, sizeof(own), "%lu", (unsigned long) geteuid());
    bind_to("", own, "", "acme");
    Bindings *bindings = resolved();
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_true(binding_peer(bindings, USUAL, pair[0], &peer));
    assert_int_equal(peer.uid, geteuid());
    assert_true(peer.bound && text_is(peer.tenant, "acme"));
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(pipe(pair), 0);
    assert_false(binding_peer(bindings, USUAL, pair[0], &peer));
    close(pair[0]);
    close(pair[1]);
    bindings_free(&bindings);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_first_binding_that_fits_decides, make_config),
        cmocka_unit_test_setup(without_bindings_nobody_is_bound_and_everybody_is_let_in, make_config),
        cmocka_unit_test_setup(a_binding_without_socket_and_user_holds_for_all, make_config),
        cmocka_unit_test_setup(the_list_of_users_keeps_others_out_but_never_root_or_the_agent, make_config),
        cmocka_unit_test_setup(names_that_this_host_does_not_know_are_mistakes, make_config),
        cmocka_unit_test_setup(sockets_of_bindings_are_opened_once_and_never_instead_of_the_usual_ones, make_config),
        cmocka_unit_test_setup(the_kernel_says_who_the_peer_is, make_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
