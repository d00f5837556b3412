/* Invoice documents in every format, with names that try to break out of each of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/digest.h"
#include "lib/text.h"
#include "reports/document.h"

static const char STYLE[] = "reports/templates/invoice.xsl";

/* A document whose tenant and function have the names given (as JSON escapes). */
static char *
document_text(const char *tenant, const char *function)
{
    Buffer text = {0};
    Err err = {0};
    assert_true(buffer_printf(
        &text, &err,
        "{\"invoice\":{\"number\":\"2026-11-000007\",\"state\":\"final\",\"tenant\":\"%s\",\"account\":\"%s\","
        "\"period_start\":\"2026-11-01T00:00:00Z\",\"period_end\":\"2026-12-01T00:00:00Z\",\"receipt_watermark\":4711},"
        "\"currency\":\"USD\",\"price_book\":{\"name\":\"aws-lambda\",\"version\":\"2026-01\",\"sha256\":\"%064d\"},"
        "\"free_tier\":true,\"rounding\":\"each line, half up, 2 decimals\",\"lines\":["
        "{\"account\":\"a\",\"tenant\":\"t\",\"region\":\"us-east-1\",\"architecture\":\"x86_64\",\"mode\":\"on_"
        "demand\","
        "\"sku\":\"requests\",\"description\":\"Requests\",\"quantity\":\"259200000\",\"free_quantity\":\"1000000\","
        "\"billed_quantity\":\"258200000\",\"unit\":\"request\",\"unit_price\":\"0.0000002\",\"tier\":1,"
        "\"amount\":\"51.64\",\"amount_exact\":\"51.64\"},"
        "{\"account\":\"a\",\"tenant\":\"t\",\"region\":\"us-east-1\",\"architecture\":\"arm64\",\"mode\":\"on_"
        "demand\","
        "\"sku\":\"duration\",\"description\":\"Duration\",\"quantity\":\"3240000.123456789\",\"free_quantity\":"
        "\"400000\","
        "\"billed_quantity\":\"2840000.123456789\",\"unit\":\"GB-second\",\"unit_price\":\"0.0000133334\",\"tier\":1,"
        "\"amount\":\"1234567.89\",\"amount_exact\":\"1234567.8899\"}],"
        "\"functions\":[{\"function\":\"%s\",\"region\":\"us-east-1\",\"architecture\":\"arm64\",\"memory_mb\":128,"
        "\"mode\":\"on_demand\",\"invocations\":\"259200000\",\"errors\":\"3\",\"timeouts\":\"0\","
        "\"gb_seconds\":\"3240000\",\"amount_exact\":\"89.506708\"}],\"subtotal\":\"1234619.53\",\"total\":\"1234619."
        "53\"}",
        tenant, tenant, 7, function));
    return text.data;
}

static Document *
document_of(const char *tenant, const char *function)
{
    Err err = {0};
    char *text = document_text(tenant, function);
    Document *document = document_parse(text_of(text), &err);
    if (document == NULL)
        fail_msg("%s", err.message);
    free(text);
    return document;
}

/* Caller frees. */
static char *
rendered(DocumentRender render, const char *tenant, const char *function)
{
    Err err = {0};
    Buffer out = {0};
    Document *document = document_of(tenant, function);
    Look look = look_plain();
    look.style = STYLE;
    if (!render((const Document *const *) &document, 1, &look, &out, &err))
        fail_msg("%s", err.message);
    document_free(&document);
    return out.data;
}

/* Characters of the longest line, counting each UTF-8 sequence once. */
static size_t
widest_line(const char *text)
{
    size_t widest = 0;
    size_t width = 0;
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            width = 0;
        else if (((unsigned char) *text & 0xc0) != 0x80)
            width++;
        if (width > widest)
            widest = width;
    }
    return widest;
}

static void
assert_holds(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in:\n%s", part, text);
}

static void
text_has_the_figures_with_separators_within_100_columns(void **state)
{
    (void) state;
    char *text = rendered(render_text, "acme", "thumb");
    assert_holds(text, "Invoice 2026-11-000007");
    assert_holds(text, "1,234,567.89");
    assert_holds(text, "1,234,619.53");
    assert_holds(text, "3,240,000.123 ");
    assert_holds(text, "us-east-1, arm64, on demand");
    assert_holds(text, "each line, half up, 2 decimals");
    assert_holds(text, "receipt 4711");
    assert_true(widest_line(text) <= 100);
    free(text);
}

static void
a_long_name_is_cut_so_that_the_table_still_fits(void **state)
{
    (void) state;
    char name[256];
    memset(name, 'f', sizeof(name) - 1);
    name[255] = '\0';
    char *text = rendered(render_text, "acme", name);
    assert_holds(text, "ff\xe2\x80\xa6");
    assert_true(widest_line(text) <= 100);
    free(text);
}

static void
a_name_cannot_paint_on_the_terminal(void **state)
{
    (void) state;
    char *text = rendered(render_text, "a\\u001b[31mred\\u009b2J", "b\\u202egpj.exe\\u0007");
    assert_null(strchr(text, '\x1b'));
    assert_null(strchr(text, '\x07'));
    assert_null(strstr(text, "\xc2\x9b"));
    assert_null(strstr(text, "\xe2\x80\xae"));
    assert_holds(text, "a?[31mred?2J");
    assert_holds(text, "b?gpj.exe?");
    free(text);
}

static void
csv_follows_rfc_4180(void **state)
{
    (void) state;
    char *text = rendered(render_csv, "acme, \\\"inc\\\"", "f");
    assert_holds(text, ",\"acme, \"\"inc\"\"\",");
    assert_holds(text,
                 ",1,us-east-1,x86_64,on_demand,requests,1,Requests,259200000,1000000,258200000,request,0.0000002,"
                 "51.64,51.64,aws-lambda,");
    size_t rows = 0;
    for (const char *at = text; (at = strstr(at, "\r\n")) != NULL; at += 2)
        rows++;
    assert_int_equal(rows, 3);
    free(text);
}

static void
a_name_cannot_be_a_formula_in_a_spreadsheet(void **state)
{
    (void) state;
    static const char *const formulas[][2] = {{"=1+1", ",\"'=1+1\","},
                                              {"+1+1", ",\"'+1+1\","},
                                              {"-2+3", ",\"'-2+3\","},
                                              {"@SUM(1)", ",\"'@SUM(1)\","},
                                              {"\\t=1", ",\"'\t=1\","},
                                              {"\\r=1", ",\"'\r=1\","},
                                              {"=\\\"a\\\"", ",\"'=\"\"a\"\"\","},
                                              {"-5", ",-5,"}};
    for (size_t i = 0; i < sizeof(formulas) / sizeof(formulas[0]); i++) {
        char *text = rendered(render_csv, formulas[i][0], "f");
        assert_holds(text, formulas[i][1]);
        free(text);
    }
}

static void
html_is_self_contained_and_names_are_only_text(void **state)
{
    (void) state;
    char *text = rendered(render_html, "<script>alert(1)</script>&\\\"'", "]]><img src=x onerror=alert(1)>\\u0001");
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "<img"));
    assert_holds(text, "&lt;script&gt;alert(1)&lt;/script&gt;&amp;");
    assert_holds(text, "onerror=alert(1)&gt;?");
    assert_null(strstr(text, "http://"));
    assert_null(strstr(text, "https://"));
    assert_holds(text, "<!DOCTYPE html");
    assert_holds(text, "1,234,619.53");
    free(text);
}

static void
a_stylesheet_with_a_mistake_is_refused(void **state)
{
    (void) state;
    Err err = {0};
    Buffer out = {0};
    Document *document = document_of("acme", "f");
    Look look = look_plain();
    look.style = "reports/alternatives/api.yaml";
    assert_false(render_html((const Document *const *) &document, 1, &look, &out, &err));
    assert_int_equal(err.code, ERR_INPUT);
    Err missing = {0};
    look.style = "/nonexistent/style.xsl";
    assert_false(render_html((const Document *const *) &document, 1, &look, &out, &missing));
    document_free(&document);
    buffer_free(&out);
}

static void
json_is_the_document_byte_for_byte(void **state)
{
    (void) state;
    Err err = {0};
    char *source = document_text("acme", "f");
    Document *document = document_parse(text_of(source), &err);
    assert_non_null(document);
    Buffer one = {0};
    assert_true(render_json((const Document *const *) &document, 1, NULL, &one, &err));
    assert_string_equal(one.data, source);
    Digest digest = digest_of(source, strlen(source));
    char hex[DIGEST_HEX_BYTES];
    assert_string_equal(document->sha256, digest_hex(&digest, hex));
    const Document *both[2] = {document, document};
    Buffer two = {0};
    assert_true(render_json(both, 2, NULL, &two, &err));
    assert_int_equal(two.data[0], '[');
    assert_int_equal(two.length, 2 * one.length + 5);
    buffer_free(&one);
    buffer_free(&two);
    free(source);
    document_free(&document);
}

static void
a_document_without_a_member_is_refused_by_its_name(void **state)
{
    (void) state;
    static const char *const wrong[][2] = {
        {"{}", "'invoice' or 'price_book' is missing"},
        {"[]", "'invoice' or 'price_book' is missing"},
        {"{\"invoice\":{},\"price_book\":{}}", "'state' is missing"},
        {"{", "not JSON"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        Err err = {0};
        assert_null(document_parse(text_of(wrong[i][0]), &err));
        assert_holds(err.message, wrong[i][1]);
    }
}

static void
an_unknown_format_names_those_there_are(void **state)
{
    (void) state;
    Err err = {0};
    assert_null(document_format("doc", &err));
    assert_int_equal(err.code, ERR_USAGE);
    assert_holds(err.hint, "text, json, csv, html, pdf");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_has_the_figures_with_separators_within_100_columns),
        cmocka_unit_test(a_long_name_is_cut_so_that_the_table_still_fits),
        cmocka_unit_test(a_name_cannot_paint_on_the_terminal),
        cmocka_unit_test(csv_follows_rfc_4180),
        cmocka_unit_test(a_name_cannot_be_a_formula_in_a_spreadsheet),
        cmocka_unit_test(html_is_self_contained_and_names_are_only_text),
        cmocka_unit_test(a_stylesheet_with_a_mistake_is_refused),
        cmocka_unit_test(json_is_the_document_byte_for_byte),
        cmocka_unit_test(a_document_without_a_member_is_refused_by_its_name),
        cmocka_unit_test(an_unknown_format_names_those_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
