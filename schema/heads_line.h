/**
 * heads_line - one line of the heads file: a signed head with what it covers, or a step back that was meant
 */
#ifndef SCHEMA_HEADS_LINE_H
#define SCHEMA_HEADS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/json.h"
#include "schema/seal.h"

enum { HEADS_REASON_BYTES = 256, HEADS_LINE_BYTES_MAX = 1 << 20 };

/** "The database went back from one head to another." */
typedef struct HeadsRestored {
    int64_t from; /* last head in the file before it */
    Digest from_digest;
    int64_t to; /* head that the database had then; 0: none */
    Digest to_digest;
    int64_t at_us; /* whole seconds */
    char reason[HEADS_REASON_BYTES];
    uint8_t public_key[SEAL_PUBLIC_BYTES];
    uint8_t signature[SEAL_SIGNATURE_BYTES];
} HeadsRestored;
/** SHA-256 of "millibill restore 1\n" and what it says; this is signed. */
Digest heads_restored_digest(const HeadsRestored *restored);

typedef enum HeadsLineKind { HEADS_BROKEN, HEADS_HEAD, HEADS_RESTORED } HeadsLineKind;

typedef struct HeadsLine {
    int64_t number; /* of the line, from 1 (0: not counted) */
    HeadsLineKind kind;
    Json *json; /* the line itself; NULL when it is none, or not kept */
    SealHead head;
    HeadsRestored restored;
} HeadsLine;

/** What a head covers by name. The line shows it to readers; what binds it are the digests in the head. */
typedef struct HeadsMade {
    const SealRoot *roots;
    size_t root_count;
    const SealInvoice *invoices;
    size_t invoice_count;
} HeadsMade;

/** A line to be written. Caller frees with json_object_put(). NULL: ERR_NOMEM. */
MUST_CHECK Json *heads_line_of_head(const SealHead *head, const HeadsMade *made, Err *err);
MUST_CHECK Json *heads_line_of_restored(const HeadsRestored *restored, Err *err);

/** Parse a line without its end into `*line`, whose number stays and whose JSON before is freed; HEADS_BROKEN when it is none of
 *  ours. heads_line_free() frees its JSON. */
void heads_line_parse(Text text, HeadsLine *line);
void heads_line_free(HeadsLine *line);

/** The final invoices that a line lists, while its JSON is kept. False: this one cannot be read. Texts are borrowed from it. */
size_t heads_line_invoices(const HeadsLine *line);
MUST_CHECK bool heads_line_invoice(const HeadsLine *line, size_t i, SealInvoice *invoice);

#endif
