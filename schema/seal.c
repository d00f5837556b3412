#include "schema/seal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = 256 };

/* One line of numbers and digests: always shorter than LINE_BYTES. */
static void PRINTF_LIKE(2, 3) add_line(DigestState *state, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    assert(length > 0 && length < LINE_BYTES);
    digest_add(state, line, (size_t) length);
}

static void
add_tenant(DigestState *state, Text tenant)
{
    char length[32];
    digest_add(state, length, (size_t) snprintf(length, sizeof length, "tenant %zu ", tenant.length));
    digest_add(state, tenant.data, tenant.length);
    digest_add(state, "\n", 1);
}

Digest
seal_segment_digest(const SealSegment *segment)
{
    char payload[DIGEST_HEX_BYTES];
    char sources[DIGEST_HEX_BYTES];
    DigestState state;
    digest_start(&state);
    add_line(&state, "segment %" PRId64 " %" PRId64 " %" PRId64 " %s %s\n", segment->segment_id, segment->receipt,
             segment->records, digest_hex(&segment->payload, payload), digest_hex(&segment->sources, sources));
    return digest_end(&state);
}

Digest
seal_content_digest(const uint8_t *segment_digests, size_t count, const Digest *exclusions)
{
    DigestState state;
    digest_start(&state);
    digest_add(&state, segment_digests, count * DIGEST_BYTES);
    digest_add(&state, exclusions->bytes, DIGEST_BYTES);
    return digest_end(&state);
}

Digest
seal_digest(const Seal *seal)
{
    char time[UTC_TEXT_BYTES];
    char hex[DIGEST_HEX_BYTES];
    DigestState state;
    digest_start(&state);
    add_line(&state, "millibill seal 1\n");
    add_tenant(&state, seal->tenant);
    add_line(&state, "number %" PRId64 "\nhour %s\nrevision %" PRId64 "\n", seal->number,
             utc_format(seal->hour_us, time), seal->revision);
    add_line(&state, "receipts %" PRId64 " %" PRId64 "\nsegments %" PRId64 " %" PRId64 "\nexclusions %" PRId64 "\n",
             seal->receipt_from, seal->receipt_to, seal->segments, seal->records, seal->exclusions);
    add_line(&state, "content %s\n", digest_hex(&seal->content, hex));
    add_line(&state, "sealed %s\n", utc_format(seal->sealed_at_us, time));
    add_line(&state, "previous %s\n", digest_hex(&seal->previous, hex));
    return digest_end(&state);
}

Digest
seal_head_digest(const SealHead *head)
{
    char time[UTC_TEXT_BYTES];
    char hex[DIGEST_HEX_BYTES];
    char incarnation[2 * SEAL_INCARNATION_BYTES + 1];
    DigestState state;
    digest_start(&state);
    add_line(&state, "millibill head %" PRId64 "\nnumber %" PRId64 "\n", head->version, head->number);
    add_line(&state, "database %s\n", bytes_hex(head->incarnation, SEAL_INCARNATION_BYTES, incarnation));
    add_line(&state, "receipts %" PRId64 " %" PRId64 "\n", head->receipt_from, head->receipt_to);
    add_line(&state, "books %" PRId64 " %s\n", head->books, digest_hex(&head->books_digest, hex));
    add_line(&state, "seals %" PRId64 " %s\n", head->seals, digest_hex(&head->seals_digest, hex));
    add_line(&state, "roots %" PRId64 " %s\n", head->roots, digest_hex(&head->roots_digest, hex));
    if (head->version > 1)
        add_line(&state, "invoices %" PRId64 " %s\n", head->invoices, digest_hex(&head->invoices_digest, hex));
    add_line(&state, "signed %s\n", utc_format(head->signed_at_us, time));
    add_line(&state, "previous %s\n", digest_hex(&head->previous, hex));
    return digest_end(&state);
}

void
seal_head_add_seal(DigestState *state, int64_t tenant_id, int64_t number, const Digest *digest)
{
    char hex[DIGEST_HEX_BYTES];
    add_line(state, "seal %" PRId64 " %" PRId64 " %s\n", tenant_id, number, digest_hex(digest, hex));
}

void
seal_head_add_root(DigestState *state, int64_t tenant_id, UtcMonth month, int64_t revision, const Digest *digest)
{
    char text[UTC_TEXT_BYTES];
    char hex[DIGEST_HEX_BYTES];
    add_line(state, "root %" PRId64 " %s %" PRId64 " %s\n", tenant_id, utc_month_format(month, text), revision,
             digest_hex(digest, hex));
}

void
seal_head_add_invoice(DigestState *state, const SealInvoice *invoice)
{
    char hex[DIGEST_HEX_BYTES];
    add_line(state, "invoice %" PRId64 " %" PRId64 " %s ", invoice->tenant_id, invoice->invoice_id,
             digest_hex(&invoice->document, hex));
    add_line(state, "%zu ", invoice->number.length);
    digest_add(state, invoice->number.data, invoice->number.length);
    digest_add(state, "\n", 1);
}

void
seal_root_start(DigestState *state, const SealRoot *root)
{
    char month[UTC_TEXT_BYTES];
    digest_start(state);
    add_line(state, "millibill root 1\n");
    add_tenant(state, root->tenant);
    add_line(state, "month %s\nrevision %" PRId64 "\nseals %" PRId64 "\n", utc_month_format(root->month, month),
             root->revision, root->seals);
}

void
seal_root_add(DigestState *state, int64_t number, const Digest *digest)
{
    char hex[DIGEST_HEX_BYTES];
    add_line(state, "seal %" PRId64 " %s\n", number, digest_hex(digest, hex));
}
