/* What EN 16931 allows of a tax and of a line's arithmetic, at its edges: what an electronic invoice refuses, and what it writes as rounding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/decimal.h"
#include "reports/ubl.h"

/* A final invoice of one line. */
typedef struct Bill {
    const char *currency, *percent, *net, *tax, *total;
    const char *quantity, *unit_price, *amount;
} Bill;

static Document *
document_of(const Bill *bill)
{
    Buffer text = {0};
    Err err = {0};
    assert_true(buffer_printf(
        &text, &err,
        "{\"invoice\":{\"number\":\"1\",\"state\":\"final\",\"tenant\":\"t\",\"account\":\"t\",\"issued_on\":\"2026-12-01\","
        "\"due_on\":\"2026-12-31\",\"period_start\":\"2026-11-01T00:00:00Z\",\"period_end\":\"2026-12-01T00:00:00Z\","
        "\"receipt_watermark\":1},\"currency\":\"%s\",\"price_book\":{\"name\":\"b\",\"version\":\"1\",\"sha256\":\"%064d\"},"
        "\"contract\":{\"name\":\"c\",\"version\":\"1\",\"sha256\":\"x\",\"revision\":\"1\",\"payment_terms\":\"now\",\"seller\":{\"name\":\"S\",\"country\":\"DE\",\"tax_id\":\"DE123456789\"},"
        "\"buyer\":{\"name\":\"B\",\"country\":\"FR\"}},\"free_tier\":false,\"rounding\":\"each line\",\"lines\":[{"
        "\"region\":\"r\",\"architecture\":\"x86_64\",\"mode\":\"on_demand\",\"sku\":\"requests\",\"description\":\"Requests\","
        "\"unit\":\"request\",\"tier\":1,\"quantity\":\"%s\",\"free_quantity\":\"0\",\"billed_quantity\":\"%s\","
        "\"unit_price\":\"%s\",\"amount\":\"%s\",\"amount_exact\":\"%s\"}],\"functions\":[],\"subtotal\":\"%s\",\"total\":\"%s\","
        "\"payable\":{\"currency\":\"%s\",\"net\":\"%s\",\"tax\":\"%s\",\"total\":\"%s\","
        "\"taxes\":[{\"name\":\"vat\",\"percent\":\"%s\",\"amount\":\"%s\"}]}}",
        bill->currency, 7, bill->quantity, bill->quantity, bill->unit_price, bill->amount, bill->amount, bill->net,
        bill->total, bill->currency, bill->net, bill->tax, bill->total, bill->percent, bill->tax));
    Document *document = document_parse(buffer_text(&text), &err);
    if (document == NULL)
        fail_msg("%s", err.message);
    buffer_free(&text);
    return document;
}

static void
a_tax_is_refused_where_the_published_rule_refuses_it(void **state)
{
    static const char LOST[] = "rounds to none by EN 16931 (BR-CO-17)";
    static const char FAR[] = "or more away from";
    static const struct {
        const char *currency, *percent, *net, *tax, *refusal; /* NULL: none */
    } cases[] = {
        {"EUR", "0", "100", "0", NULL},        {"EUR", "0.49", "100", "0.49", NULL},
        {"EUR", "0.49", "102", "0.50", LOST},  {"EUR", "0.4999", "1000", "5", LOST},
        {"EUR", "0.4", "-200", "-0.80", LOST}, {"EUR", "0.4", "0", "0", NULL},
        {"EUR", "0.5", "100", "0.50", NULL},   {"EUR", "0.5", "100000", "500", NULL},
        {"EUR", "19", "100", "19", NULL},      {"EUR", "19", "100", "19.99", NULL},
        {"EUR", "19", "100", "20", FAR},       {"EUR", "19", "100", "18.01", NULL},
        {"EUR", "19", "100", "18", FAR},       {"EUR", "19", "-100", "-19.99", NULL},
        {"EUR", "19", "-100", "-20", FAR},     {"JPY", "10", "1005", "101", NULL},
        {"JPY", "10", "1000", "101", FAR},     {"JPY", "0.3", "166", "0", NULL},
        {"JPY", "0.3", "334", "1", LOST},
    };
    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const Bill bill = {
            cases[i].currency, cases[i].percent, cases[i].net, cases[i].tax, cases[i].net, "1", "1", "1"};
        Document *document = document_of(&bill);
        const Look look = look_plain();
        Err err = {0};
        Ubl ubl;
        const bool done = ubl_make(&ubl, document, &look, &err);
        if (done != (cases[i].refusal == NULL) || (!done && strstr(err.message, cases[i].refusal) == NULL))
            fail_msg("%s %% of %s %s: %s: %s", cases[i].percent, cases[i].net, cases[i].currency, cases[i].tax,
                     done ? "taken" : err.message);
        if (!done)
            assert_int_equal(err.code, ERR_RANGE);
        ubl_free(&ubl);
        document_free(&document);
    }
}

/* PEPPOL-EN16931-R120: a line is quantity times price to a unit of the amount; what is more is written as an allowance or a charge. */
static void
a_line_that_is_off_by_more_than_one_unit_says_so(void **state)
{
    static const struct {
        const char *currency, *quantity, *unit_price, *amount, *rounding;
    } cases[] = {
        {"EUR", "3", "1", "3", "0"},        {"EUR", "3", "1", "3.01", "0"},        {"EUR", "3", "1", "2.99", "0"},
        {"EUR", "3", "1", "3.02", "0.02"},  {"EUR", "3", "1", "2.98", "-0.02"},    {"EUR", "7", "0.0014", "0.01", "0"},
        {"EUR", "3", "1.004", "3.01", "0"}, {"EUR", "1", "0.008", "0.03", "0.02"}, {"JPY", "3", "1", "4", "0"},
        {"JPY", "3", "1", "5", "2"},        {"JPY", "3", "1", "1", "-2"},          {"JPY", "3", "0.5", "3", "2"},
    };
    (void) state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const Bill bill = {
            cases[i].currency, "0", cases[i].amount, "0", cases[i].amount, cases[i].quantity, cases[i].unit_price,
            cases[i].amount};
        Document *document = document_of(&bill);
        const Look look = look_plain();
        Err err = {0};
        Ubl ubl;
        mpq_t expected;
        mpq_init(expected);
        if (!ubl_make(&ubl, document, &look, &err) || !decimal_parse(text_of(cases[i].rounding), expected, &err))
            fail_msg("%s", err.message);
        assert_int_equal(ubl.line_count, 1);
        assert_int_equal(ubl.charge_count, 0);
        if (!mpq_equal(ubl.lines[0].rounding, expected))
            fail_msg("%s x %s = %s %s: rounding is not %s", cases[i].quantity, cases[i].unit_price, cases[i].amount,
                     cases[i].currency, cases[i].rounding);
        mpq_clear(expected);
        ubl_free(&ubl);
        document_free(&document);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tax_is_refused_where_the_published_rule_refuses_it),
        cmocka_unit_test(a_line_that_is_off_by_more_than_one_unit_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
