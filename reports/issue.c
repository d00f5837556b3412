#include "reports/issue.h"

#include <cairo.h>
#include <libxml/xmlversion.h>
#include <pango/pango.h>
#include <stdio.h>
#include <string.h>

#include "lib/options.h"
#include "reports/stack.h"
#include "schema/issued_store.h"

static const char *
build_text(char out[ISSUED_BUILD_BYTES])
{
    snprintf(out, ISSUED_BUILD_BYTES, "millibill %s, cairo %s, pango %s, libxml2 %s", MILLIBILL_VERSION,
             cairo_version_string(), pango_version_string(), LIBXML_DOTTED_VERSION);
    return out;
}

/* A process that was forked has a connection of its own. */
static bool
open_database(Issue *self, Err *err)
{
    Err refused = {0};
    if (self->db != NULL)
        return true;
    self->db = stack_connect_evidence(self->data, &refused);
    self->may_keep = self->db != NULL;
    if (self->db == NULL)
        self->db = stack_connect(self->data, err);
    return self->db != NULL;
}

static void
tell_difference(const Document *document, const Issue *self, const Issued *issued)
{
    char at[UTC_TEXT_BYTES];
    fprintf(
        stderr,
        "%s of tenant %s: the %s as it was issued on %s (%s); this build and these settings would make other bytes, which --anew "
        "shows\n",
        document->number, document->tenant, self->format->name, utc_format_day(issued->kept_at_us, at), issued->build);
}

static bool
issue(Issue *self, const Document *document, const IssuedKey *key, Text made, Buffer *out, Err *err)
{
    char build[ISSUED_BUILD_BYTES];
    Issued issued;
    bool done = issued_find(self->db, key, &issued, err);
    if (done && issued.bytes.length == 0 && self->may_keep)
        done = issued_keep(self->db, key, made, build_text(build), &issued, err);
    if (done && issued.bytes.length > 0 && !text_equal(buffer_text(&issued.bytes), made))
        tell_difference(document, self, &issued);
    done = done && (issued.bytes.length > 0 ? buffer_append(out, issued.bytes.data, issued.bytes.length, err)
                                            : buffer_append(out, made.data, made.length, err));
    buffer_free(&issued.bytes);
    return done;
}

bool
issue_document(Issue *self, const Document *document, int64_t tenant_id, int64_t invoice_id, Buffer *out, Err *err)
{
    Buffer made = {0};
    const IssuedKey key = {tenant_id, invoice_id, self->format->name};
    bool done = self->format->render(&document, 1, self->look, &made, err);
    if (done && (!self->format->is_issued || !document->is_final || self->anew))
        done = buffer_append(out, made.data, made.length, err);
    else if (done)
        done = open_database(self, err) && issue(self, document, &key, buffer_text(&made), out, err);
    buffer_free(&made);
    return done;
}

void
issue_close(Issue *self)
{
    db_free(&self->db);
}
