/*
 * The stylesheet's input, for those who write their own:
 *
 *   <invoices brand="" brand_address="" brand_foot="" brand_logo="data:image/png;base64,…" brand_color="#0b5a55">
 *     <invoice number="" state="preview|final" kind="" kind_title="" refers_to="" reason="" tenant="" account=""
 *              period_start="" period_end="" is_month="true|false" issued_on="" month="" currency=""
 *              receipt_watermark="" price_book="" price_book_version="" price_book_sha256="" rounding="" free_tier=""
 *              sha256="" subtotal="" total="" evidence_root="" evidence_head="" evidence_seals="" evidence_public_key=""
 *              evidence_signature="" contract="" contract_version="" contract_sha256="" purchase_order="" seller="" buyer=""
 *              payable_currency="" payable_total="" payable_rate="" language="en" due_on="" payment_terms="">
 *       <word key="Invoice" text="Rechnung"/> …  (everything that the page says, in the language of the document)
 *       <party role="seller|buyer"><row text="Example GmbH"/> … </party>  (as on an envelope, where a contract says who)
 *       <line region="" architecture="" mode="" sku="" tier="" description="" unit="" quantity="" free_quantity=""
 *             billed_quantity="" unit_price="" amount="" amount_exact=""/> …
 *       <item kind="" name="" description="" amount=""/> …  (under a contract: from the subtotal to the total)
 *       <function name="" region="" architecture="" memory_mb="" mode="" invocations="" errors="" timeouts=""
 *                 gb_seconds="" amount=""/> …
 *     </invoice> …
 *   </invoices>
 *
 * Figures come ready to print, with thousands separators. The stylesheet may read no file and open no connection.
 */
#include <glib.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxslt/security.h>
#include <libxslt/transform.h>
#include <libxslt/xsltInternals.h>
#include <libxslt/xsltutils.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/harmless.h"
#include "lib/share.h"
#include "reports/document.h"
#include "reports/figures.h"
#include "reports/table.h"
#include "reports/words.h"

enum { QUANTITY_SCALE = 3, SHARE_SCALE = 6, STYLE_BYTES_MAX = 1 << 20 };

static bool
set_attribute(xmlNode *node, const char *name, const char *value, Err *err)
{
    Buffer harmless = {0};
    bool done = text_append_harmless(&harmless, value, err) && buffer_append_text(&harmless, "", err);
    if (done && xmlNewProp(node, (const xmlChar *) name, (const xmlChar *) harmless.data) == NULL)
        done = err_set(err, ERR_NOMEM, "no memory for an invoice page");
    buffer_free(&harmless);
    return done;
}

/* Takes `figure`, NULL when it could not be made. */
static bool
set_figure(xmlNode *node, const Words *words, const char *name, char *figure, Err *err)
{
    figure = words_figure(words, figure, err);
    bool done = figure != NULL && set_attribute(node, name, figure, err);
    free(figure);
    return done;
}

static xmlNode *
add_node(xmlNode *parent, const char *name, Err *err)
{
    xmlNode *node = xmlNewChild(parent, NULL, (const xmlChar *) name, NULL);
    if (node == NULL)
        err_set(err, ERR_NOMEM, "no memory for an invoice page");
    return node;
}

static bool
add_line(xmlNode *parent, const Words *words, const DocumentLine *line, Err *err)
{
    xmlNode *node = add_node(parent, "line", err);
    return node != NULL && set_attribute(node, "region", line->region, err) &&
           set_attribute(node, "hours", line->hours, err) &&
           set_attribute(node, "architecture", line->architecture, err) &&
           set_attribute(node, "mode", line->mode, err) && set_attribute(node, "sku", line->sku, err) &&
           set_attribute(node, "tier", line->tier, err) &&
           set_attribute(node, "description", words_say(words, line->description), err) &&
           set_attribute(node, "unit", words_say(words, line->unit), err) &&
           set_figure(node, words, "quantity", figure_brief(line->quantity, QUANTITY_SCALE, err), err) &&
           set_figure(node, words, "free_quantity", figure_brief(line->free_quantity, QUANTITY_SCALE, err), err) &&
           set_figure(node, words, "billed_quantity", figure_brief(line->billed_quantity, QUANTITY_SCALE, err), err) &&
           set_figure(node, words, "unit_price", figure_grouped(line->unit_price, err), err) &&
           set_figure(node, words, "amount", figure_grouped(line->amount, err), err) &&
           set_figure(node, words, "amount_exact", figure_grouped(line->amount_exact, err), err);
}

static bool
add_function(xmlNode *parent, const Words *words, const DocumentFunction *function, Err *err)
{
    xmlNode *node = add_node(parent, "function", err);
    return node != NULL && set_attribute(node, "name", function->name, err) &&
           set_attribute(node, "region", function->region, err) &&
           set_attribute(node, "architecture", function->architecture, err) &&
           set_attribute(node, "mode", function->mode, err) &&
           set_figure(node, words, "memory_mb", figure_grouped(function->memory_mb, err), err) &&
           set_figure(node, words, "invocations", figure_grouped(function->invocations, err), err) &&
           set_figure(node, words, "errors", figure_grouped(function->errors, err), err) &&
           set_figure(node, words, "timeouts", figure_grouped(function->timeouts, err), err) &&
           set_figure(node, words, "gb_seconds", figure_brief(function->gb_seconds, QUANTITY_SCALE, err), err) &&
           set_figure(node, words, "amount", figure_brief(function->amount_exact, SHARE_SCALE, err), err);
}

static bool
set_rounding(xmlNode *node, const Document *document, const Words *words, Err *err)
{
    char *rounding = words_rounding(words, document->rounding, err);
    bool done = rounding != NULL && set_attribute(node, "rounding", rounding, err);
    free(rounding);
    return done;
}

static bool
set_head(xmlNode *node, const Words *words, const Document *document, Err *err)
{
    const bool is_owed = strcmp(document->kind, "invoice") == 0; /* what gives back is not due */
    char month[8];
    snprintf(month, sizeof(month), "%.7s", document->month);
    return set_attribute(node, "number", document->number, err) && set_attribute(node, "state", document->state, err) &&
           set_attribute(node, "kind", document->kind, err) &&
           set_attribute(node, "kind_title", words_say(words, document->kind_title), err) &&
           set_attribute(node, "refers_to", document->refers_to, err) &&
           set_attribute(node, "reason", document->reason, err) &&
           set_attribute(node, "tenant", document->tenant, err) &&
           set_attribute(node, "account", document->account, err) &&
           set_attribute(node, "period_start", document->period_start, err) &&
           set_attribute(node, "period_end", document->period_end, err) &&
           set_attribute(node, "is_month", document->month == document->period_start ? "true" : "false", err) &&
           set_attribute(node, "issued_on", document->is_final ? document->issued_on : "", err) &&
           set_attribute(node, "due_on", document->is_final && is_owed ? document->due_on : "", err) &&
           set_attribute(node, "payment_terms", is_owed ? document->payment_terms : "", err) &&
           set_attribute(node, "language", words_language(words), err) && set_attribute(node, "month", month, err) &&
           set_attribute(node, "currency", document->currency, err) &&
           set_attribute(node, "receipt_watermark", document->receipt_watermark, err) &&
           set_attribute(node, "price_book", document->book_name, err) &&
           set_attribute(node, "price_book_version", document->book_version, err) &&
           set_attribute(node, "price_book_sha256", document->book_sha256, err) &&
           set_rounding(node, document, words, err) &&
           set_attribute(node, "free_tier", words_say(words, document->free_tier), err) &&
           set_attribute(node, "sha256", document->sha256, err) &&
           set_attribute(node, "evidence_root", document->evidence_root, err) &&
           set_attribute(node, "evidence_head", document->evidence_head, err) &&
           set_attribute(node, "evidence_seals", document->evidence_seals, err) &&
           set_attribute(node, "evidence_public_key", document->evidence_public_key, err) &&
           set_attribute(node, "evidence_signature", document->evidence_signature, err) &&
           set_figure(node, words, "subtotal", figure_grouped(document->subtotal, err), err) &&
           set_figure(node, words, "total", figure_grouped(document->total, err), err);
}

/* <party role="seller"><row text="Example GmbH"/>…</party>: nothing where it is not said. */
static bool
add_party(xmlNode *parent, const char *role, const char *lines, Err *err)
{
    xmlNode *party = lines[0] == '\0' ? NULL : add_node(parent, "party", err);
    if (party == NULL)
        return lines[0] == '\0';
    gchar **rows = g_strsplit(lines, "\n", -1);
    bool done = set_attribute(party, "role", role, err);
    for (size_t i = 0; done && rows[i] != NULL; i++) {
        xmlNode *row = add_node(party, "row", err);
        done = row != NULL && set_attribute(row, "text", rows[i], err);
    }
    g_strfreev(rows);
    return done;
}

static bool
set_contract(xmlNode *node, const Words *words, const Document *document, Err *err)
{
    const char *const total = document->payable_total;
    return add_party(node, "seller", document->seller_lines, err) &&
           add_party(node, "buyer", document->buyer_lines, err) &&
           set_attribute(node, "contract", document->contract_name, err) &&
           set_attribute(node, "contract_version", document->contract_version, err) &&
           set_attribute(node, "contract_sha256", document->contract_sha256, err) &&
           set_attribute(node, "purchase_order", document->purchase_order, err) &&
           set_attribute(node, "seller", document->seller, err) && set_attribute(node, "buyer", document->buyer, err) &&
           set_attribute(node, "payable_currency", document->payable_currency, err) &&
           set_figure(node, words, "payable_rate", figure_grouped(document->payable_rate, err), err) &&
           (total[0] == '\0' ? set_attribute(node, "payable_total", "", err)
                             : set_figure(node, words, "payable_total", figure_grouped(total, err), err));
}

static bool
add_item(xmlNode *parent, const Words *words, const DocumentItem *item, Err *err)
{
    char *description = words_sentence(words, item->description, err);
    xmlNode *node = description == NULL ? NULL : add_node(parent, "item", err);
    bool done = node != NULL && set_attribute(node, "kind", item->kind, err) &&
                set_attribute(node, "name", item->name, err) && set_attribute(node, "description", description, err) &&
                set_figure(node, words, "amount", figure_grouped(item->amount, err), err);
    free(description);
    return done;
}

static bool
add_words(xmlNode *parent, const Words *words, Err *err)
{
    for (const char *const *word = WORDS_ALL; *word != NULL; word++) {
        xmlNode *node = add_node(parent, "word", err);
        if (node == NULL || !set_attribute(node, "key", *word, err) ||
            !set_attribute(node, "text", words_say(words, *word), err))
            return false;
    }
    return true;
}

static bool
add_invoice(xmlNode *parent, const Document *document, const Look *look, Err *err)
{
    const Words *words = words_of(document->language[0] != '\0' ? document->language : look->language, look->data, err);
    xmlNode *node = words == NULL ? NULL : add_node(parent, "invoice", err);
    if (node == NULL || !set_head(node, words, document, err) || !set_contract(node, words, document, err) ||
        !add_words(node, words, err))
        return false;
    for (size_t i = 0; i < document->line_count; i++)
        if (!add_line(node, words, &document->lines[i], err))
            return false;
    for (size_t i = 0; i < document->item_count; i++)
        if (!add_item(node, words, &document->items[i], err))
            return false;
    for (size_t i = 0; i < document->function_count; i++)
        if (!add_function(node, words, &document->functions[i], err))
            return false;
    return true;
}

/* The picture inside the page: it is to be read without the file beside it. */
static bool
set_logo(xmlNode *root, const char *path, Err *err)
{
    gchar *bytes = NULL;
    gsize length = 0;
    GError *trouble = NULL;
    if (path[0] == '\0')
        return set_attribute(root, "brand_logo", "", err);
    if (!g_file_get_contents(path, &bytes, &length, &trouble)) {
        err_set(err, ERR_IO, "brand_logo: %s", trouble->message);
        g_error_free(trouble);
        return false;
    }
    gchar *encoded = g_base64_encode((const guchar *) bytes, length);
    gchar *address = g_strconcat("data:image/png;base64,", encoded, NULL);
    bool done = set_attribute(root, "brand_logo", address, err);
    g_free(address);
    g_free(encoded);
    g_free(bytes);
    return done;
}

static bool
set_look(xmlNode *root, const Look *look, Err *err)
{
    char color[16];
    snprintf(color, sizeof(color), "#%06x", (unsigned) look->accent_rgb);
    return set_attribute(root, "brand", look->name, err) && set_attribute(root, "brand_address", look->address, err) &&
           set_attribute(root, "brand_foot", look->foot, err) && set_attribute(root, "brand_color", color, err) &&
           set_logo(root, look->logo, err);
}

static xmlDoc *
make_input(const Document *const *documents, size_t count, const Look *look, Err *err)
{
    xmlDoc *input = xmlNewDoc((const xmlChar *) "1.0");
    xmlNode *root = input == NULL ? NULL : xmlNewNode(NULL, (const xmlChar *) "invoices");
    if (root == NULL) {
        err_set(err, ERR_NOMEM, "no memory for an invoice page");
        xmlFreeDoc(input);
        return NULL;
    }
    xmlDocSetRootElement(input, root);
    bool done = set_look(root, look, err);
    for (size_t i = 0; done && i < count; i++)
        done = add_invoice(root, documents[i], look, err);
    if (!done) {
        xmlFreeDoc(input);
        return NULL;
    }
    return input;
}

/* libxml2 and libxslt complain in pieces, through here instead of on standard error. */
typedef struct Complaint {
    char text[ERR_MESSAGE_BYTES / 2];
    size_t length;
} Complaint;

static void PRINTF_LIKE(2, 3) complain(void *context, const char *format, ...)
{
    Complaint *complaint = context;
    size_t room = sizeof(complaint->text) - complaint->length;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(complaint->text + complaint->length, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        complaint->length += (size_t) length < room ? (size_t) length : room - 1;
}

/* The first line of what they said; libxslt names the place on it and says what is wrong on the second. */
static bool
fail_with(Complaint *complaint, const char *otherwise, Err *err)
{
    char *end = strchr(complaint->text, '\n');
    bool names_place =
        strstr(complaint->text, "error: file ") != NULL || strstr(complaint->text, "error: element ") != NULL;
    if (end != NULL && names_place) {
        *end = ' ';
        end = strchr(end, '\n');
    }
    if (end != NULL)
        *end = '\0';
    return err_set(err, ERR_INPUT, "%s", complaint->length > 0 ? complaint->text : otherwise);
}

static xsltStylesheet *
open_style(const char *style, Complaint *complaint, Err *err)
{
    char shipped[PATH_MAX];
    if (style == NULL && !share_path("reports/templates", "invoice.xsl", shipped, err))
        return NULL;
    const char *path = style == NULL ? shipped : style;
    Buffer text = {0};
    xsltStylesheet *sheet = NULL;
    if (file_read(path, STYLE_BYTES_MAX, &text, err)) {
        xmlDoc *parsed = xmlReadMemory(text.data, (int) text.length, path, NULL, XML_PARSE_NONET);
        sheet = parsed == NULL ? NULL : xsltParseStylesheetDoc(parsed);
        if (parsed != NULL && (sheet == NULL || sheet->errors != 0)) {
            xsltFreeStylesheet(sheet);
            if (sheet == NULL)
                xmlFreeDoc(parsed);
            sheet = NULL;
        }
        if (sheet == NULL) {
            fail_with(complaint, "not an XSLT 1.0 stylesheet", err);
            err_prefix(err, "--style %s: ", path);
        }
    }
    buffer_free(&text);
    return sheet;
}

static xmlDoc *
transform(xsltStylesheet *sheet, xmlDoc *input, Complaint *complaint, Err *err)
{
    xsltSecurityPrefs *walls = xsltNewSecurityPrefs();
    xsltTransformContext *context = walls == NULL ? NULL : xsltNewTransformContext(sheet, input);
    xmlDoc *page = NULL;
    if (context != NULL) {
        for (int option = XSLT_SECPREF_READ_FILE; option <= XSLT_SECPREF_WRITE_NETWORK; option++)
            (void) xsltSetSecurityPrefs(walls, (xsltSecurityOption) option, xsltSecurityForbid);
        xsltSetTransformErrorFunc(context, complaint, complain);
        if (xsltSetCtxtSecurityPrefs(walls, context) == 0)
            page = xsltApplyStylesheetUser(sheet, input, NULL, NULL, NULL, context);
        if (context->state != XSLT_STATE_OK) {
            xmlFreeDoc(page);
            page = NULL;
        }
    }
    xsltFreeTransformContext(context);
    xsltFreeSecurityPrefs(walls);
    if (page == NULL)
        fail_with(complaint, "the stylesheet could not be applied", err);
    return page;
}

static bool
write_page(xsltStylesheet *sheet, xmlDoc *page, Buffer *out, Err *err)
{
    xmlChar *bytes = NULL;
    int length = 0;
    if (xsltSaveResultToString(&bytes, &length, page, sheet) != 0)
        return err_set(err, ERR_NOMEM, "no memory for an invoice page");
    bool done = length == 0 || buffer_append(out, bytes, (size_t) length, err);
    xmlFree(bytes);
    return done;
}

bool
render_html(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err)
{
    Complaint complaint = {.length = 0};
    xmlSetGenericErrorFunc(&complaint, complain);
    xsltSetGenericErrorFunc(&complaint, complain);
    xsltStylesheet *sheet = open_style(look->style, &complaint, err);
    xmlDoc *input = sheet == NULL ? NULL : make_input(documents, count, look, err);
    xmlDoc *page = input == NULL ? NULL : transform(sheet, input, &complaint, err);
    bool done = page != NULL && write_page(sheet, page, out, err);
    xmlFreeDoc(page);
    xmlFreeDoc(input);
    xsltFreeStylesheet(sheet);
    xmlSetGenericErrorFunc(NULL, NULL);
    xsltSetGenericErrorFunc(NULL, NULL);
    return done;
}
