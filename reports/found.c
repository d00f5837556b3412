#include "reports/found.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "reports/stack.h"
#include "schema/document_store.h"

enum { DOCUMENTS_MAX = 100000 };

void
found_clear(Found *found)
{
    for (size_t i = 0; i < found->count; i++)
        document_free(&found->documents[i]);
    free(found->documents);
    free(found->ids);
    free(found->tenant_ids);
}

static bool
found_add(void *context, const DocumentRow *row, Err *err)
{
    Found *found = context;
    if (found->count == DOCUMENTS_MAX)
        return err_set(err, ERR_RANGE, "more than %d invoices; choose with --tenant or --month", DOCUMENTS_MAX);
    Document **documents = reallocarray(found->documents, found->count + 1, sizeof(*documents));
    if (documents != NULL)
        found->documents = documents;
    int64_t *ids = reallocarray(found->ids, found->count + 1, sizeof(*ids));
    if (ids != NULL)
        found->ids = ids;
    int64_t *tenant_ids = reallocarray(found->tenant_ids, found->count + 1, sizeof(*tenant_ids));
    if (tenant_ids != NULL)
        found->tenant_ids = tenant_ids;
    if (documents == NULL || ids == NULL || tenant_ids == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %zu invoices", found->count + 1);
    Document *document = document_parse(row->document, err);
    if (document == NULL)
        return err_prefix(err, "invoice %" PRId64 ": ", row->invoice_id);
    if (strcmp(document->sha256, row->sha256) != 0) {
        document_free(&document);
        return err_set(err, ERR_CORRUPT, "invoice %" PRId64 ": the stored document does not have its stored digest %s",
                       row->invoice_id, row->sha256);
    }
    document_issued(document, row->issued_at_us);
    found->ids[found->count] = row->invoice_id;
    found->tenant_ids[found->count] = row->tenant_id;
    found->documents[found->count++] = document;
    return true;
}

bool
found_one(Found *found, Db *db, const char *which, const char *tenant, Err *err)
{
    bool latest = strcmp(which, "latest") == 0;
    DocumentFilter filter = {.tenant = tenant, .number = latest ? NULL : which, .newest = latest};
    size_t before = found->count;
    if (!document_visit(db, &filter, found_add, found, err))
        return false;
    if (found->count == before) {
        err_set(err, ERR_NOT_FOUND, latest ? "there is no invoice%s%s%s" : "there is no invoice%s%s '%s'",
                tenant != NULL ? " of tenant " : "", tenant != NULL ? tenant : "", latest ? "" : which);
        return err_hint(err, "see: millibill invoice list");
    }
    if (found->count > before + 1) {
        err_set(err, ERR_CONFLICT, "%zu tenants have an invoice '%s'", found->count - before, which);
        return err_hint(err, "say whose with --tenant NAME");
    }
    return true;
}

bool
found_month(Found *found, Db *db, const char *month_text, const char *tenant, bool final_only, Err *err)
{
    UtcMonth month;
    if (!stack_month(month_text, &month, err))
        return false;
    DocumentFilter filter = {.tenant = tenant, .month = &month, .state = final_only ? "final" : NULL, .standing = true};
    if (!document_visit(db, &filter, found_add, found, err))
        return false;
    if (found->count > 0)
        return true;
    err_set(err, ERR_NOT_FOUND, "there is no invoice for %s", month_text);
    return err_hint(err, "make them with: millibill rate --month %s", month_text);
}
