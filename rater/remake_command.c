/* invoice remake - make a document again from the evidence and compare (`millibill invoice` hands over to us for it) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config.h"
#include "lib/harmless.h"
#include "lib/options.h"
#include "lib/output.h"
#include "rater/commands.h"
#include "rater/remake.h"
#include "rater/stack.h"
#include "schema/document_store.h"

static const char PROGRAM[] = "millibill invoice remake";
enum { DOCUMENT_BYTES_MAX = 256 << 20, DIFFERENCES_PRINTED = 20 };

typedef struct RemakeOptions {
    const char *tenant;
    const char *output;
    const char *data;
    bool json;
} RemakeOptions;

typedef struct RemakeResult {
    Json *document;
    char *canonical;
    char *made;
    VerifyReport report;
} RemakeResult;

/* ---- the document ---- */

static bool
is_file(const char *name)
{
    const size_t length = strlen(name);
    return strcmp(name, "-") == 0 || strchr(name, '/') != NULL ||
           (length > 5 && strcmp(name + length - 5, ".json") == 0);
}

typedef struct Found {
    size_t count;
    Buffer text;
} Found;

static bool
take(void *context, const DocumentRow *row, Err *err)
{
    Found *found = context;
    return found->count++ > 0 || buffer_append(&found->text, row->document.data, row->document.length, err);
}

static bool
read_stored(Db *db, const RemakeOptions *options, const char *name, Buffer *text, Err *err)
{
    const bool latest = strcmp(name, "latest") == 0;
    const DocumentFilter filter = {.tenant = options->tenant, .number = latest ? NULL : name, .newest = latest};
    Found found = {0};
    bool done = document_visit(db, &filter, take, &found, err);
    if (done && found.count == 0) {
        err_set(err, ERR_NOT_FOUND, "there is no invoice '%s'", name);
        done = err_hint(err, "millibill invoice list; a file is named with a '/' or .json");
    } else if (done && found.count > 1) {
        err_set(err, ERR_CONFLICT, "%zu invoices are meant by '%s'", found.count, name);
        done = err_hint(err, "say whose with --tenant NAME");
    }
    *text = found.text;
    return done;
}

static bool
read_document(Db *db, const RemakeOptions *options, const char *name, RemakeResult *result, Err *err)
{
    Buffer text = {0};
    bool done =
        is_file(name) ? file_read(name, DOCUMENT_BYTES_MAX, &text, err) : read_stored(db, options, name, &text, err);
    result->document = done ? json_parse(buffer_text(&text), err) : NULL;
    result->canonical = result->document == NULL ? NULL : json_canonical(result->document, err);
    buffer_free(&text);
    return result->canonical != NULL || err_prefix(err, "%s: ", name);
}

/* ---- telling ---- */

static const char *
head_member(Json *head, const char *key)
{
    Json *value = json_member(head, key);
    return value == NULL ? "" : json_object_get_string(value);
}

static Json *
differences_of(const RemakeResult *result)
{
    return result->report.checks[VERIFY_INVOICES].differences;
}

static bool
print_text(const RemakeResult *result, Buffer *out, Err *err)
{
    Json *head = json_member(result->document, "invoice");
    const Digest digest = digest_of(result->made, strlen(result->made));
    const int64_t found = result->report.checks[VERIFY_INVOICES].found;
    Json *list = differences_of(result);
    char hex[DIGEST_HEX_BYTES];
    const char *number = head_member(head, "number");
    bool done = line_append_harmless(out, err, "%s%s of tenant %s, %.7s, up to receipt %s: %s",
                                     number[0] == '\0' ? "Draft" : "Document ", number, head_member(head, "tenant"),
                                     head_member(head, "period_start"), head_member(head, "receipt_watermark"),
                                     found == 0 ? "made again from the evidence, the same bytes" : "DIFFERENT");
    for (size_t i = 0; done && list != NULL && i < json_object_array_length(list) && i < DIFFERENCES_PRINTED; i++) {
        Json *entry = json_object_array_get_idx(list, i);
        done = line_append_harmless(out, err, "    %s: made again %s, in the document %s", head_member(entry, "what"),
                                    head_member(entry, "expected"), head_member(entry, "found"));
    }
    return done && (found > 0 || line_append_harmless(out, err, "%zu bytes, SHA-256 %s", strlen(result->made),
                                                      digest_hex(&digest, hex)));
}

static bool
print(const RemakeOptions *options, const RemakeResult *result, Err *err)
{
    const int64_t found = result->report.checks[VERIFY_INVOICES].found;
    if (options->json) {
        const Digest digest = digest_of(result->made, strlen(result->made));
        char hex[DIGEST_HEX_BYTES];
        Json *object = json_new_object(err);
        bool done = object != NULL && json_add_bool(object, "same", found == 0, err) &&
                    json_add(object, "invoice", json_object_get(json_member(result->document, "invoice")), err) &&
                    json_add_text(object, "sha256", digest_hex(&digest, hex), err) &&
                    json_add_int(object, "bytes", (int64_t) strlen(result->made), err) &&
                    json_add(object, "differences", json_object_get(differences_of(result)), err) &&
                    json_print(object, stdout, err);
        json_object_put(object);
        return done;
    }
    Buffer text = {0};
    bool done = print_text(result, &text, err);
    done = done && buffer_print(&text, err);
    buffer_free(&text);
    return done;
}

/* ---- the command ---- */

static bool
remake(Db *db, const RemakeOptions *options, const char *name, RemakeResult *result, Err *err)
{
    result->report.checks[VERIFY_INVOICES].differences = json_new_array(err);
    if (result->report.checks[VERIFY_INVOICES].differences == NULL || !read_document(db, options, name, result, err))
        return false;
    const RemakeRequest request = {result->document, result->canonical};
    const char *state = head_member(json_member(result->document, "invoice"), "state");
    return strcmp(state, "final") == 0 ? remake_final(db, &request, &result->report, &result->made, err)
                                       : remake_draft(db, &request, &result->report, &result->made, err);
}

static bool
run(const RemakeOptions *options, const char *name, Err *err)
{
    Config config;
    RemakeResult result = {0};
    Db *db = rater_connect(options->data, &config, PROGRAM, err);
    bool done = db != NULL && verify_begin(db, err) && remake(db, options, name, &result, err);
    if (db != NULL)
        db_rollback(db);
    done = done &&
           (options->output == NULL || output_save((Text){result.made, strlen(result.made)}, options->output, err)) &&
           print(options, &result, err);
    if (done && result.report.checks[VERIFY_INVOICES].found > 0)
        done = err_set(err, ERR_DIFFERENCE, "%s does not follow from the evidence", name);
    free(result.made);
    free(result.canonical);
    json_object_put(result.document);
    verify_report_free(&result.report);
    db_free(&db);
    return done;
}

int
invoice_remake_command(int argc, char **argv)
{
    RemakeOptions options = {0};
    const char *const *rest = NULL;
    const Option table[] = {
        {"tenant", 't', OPTION_TEXT, &options.tenant, "NAME", "whose invoice"},
        {"output", 'o', OPTION_TEXT, &options.output, "FILE", "write the document there as it was made again"},
        OPTION_JSON(&options.json),
        OPTION_DATA(&options.data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = PROGRAM,
        .arguments = "NUMBER|ID|latest|FILE",
        .summary = "Make a document again from the evidence and compare it, byte for byte.",
        .detail =
            "A document names its period, the receipt up to which usage was looked at, its price book and its contract. FILE is\n"
            "canonical JSON (`invoice render --format json`): also of a draft that was replaced long ago. Exit status 3: it is\n"
            "not the same.",
        .options = table,
        .arguments_min = 1,
        .arguments_max = 1,
    };
    OptionsResult result = options_parse(&line, argc, argv, &rest);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return run(&options, rest[0], &err) ? EXIT_SUCCESS : err_report(&err, PROGRAM);
}
