#include "schema/verify_corrections.h"

#define TEXT_OF_TIME ", 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
#define ADJUSTMENT "'adjustment ' || a.adjustment_id || ' of ' || to_char(a.period_month, 'YYYY-MM')"
#define ADJUSTED_FROM "to_char(a.period_start AT TIME ZONE 'UTC'" TEXT_OF_TIME
#define ADJUSTED_TO "to_char(a.period_end AT TIME ZONE 'UTC'" TEXT_OF_TIME

/* A list of a document beside the table of its rows, by these members as text: numbers stand in both as they were written. `key` and
 * `column` tell rows apart. */
#define COMPARED(list, table, members, key, column)                                                                   \
    " UNION ALL SELECT '" list " ' || coalesce(e.key, l.key) || ' in the table', coalesce(e.row::text, 'none'),"      \
    "  coalesce(l.row::text, 'none') FROM (SELECT " key " AS key, (SELECT jsonb_object_agg(m, e.d ->> m)"             \
    "    FROM unnest('{" members "}'::text[]) AS m) AS row FROM jsonb_array_elements(CASE jsonb_typeof(a.d -> '" list \
    "')"                                                                                                              \
    "    WHEN 'array' THEN a.d -> '" list "' ELSE '[]' END) WITH ORDINALITY AS e(d, n)) e"                            \
    "  FULL JOIN (SELECT l." column "::text AS key, (SELECT jsonb_object_agg(m, to_jsonb(l) ->> m)"                   \
    "    FROM unnest('{" members "}'::text[]) AS m) AS row FROM " table " l"                                          \
    "   WHERE (l.tenant_id, l.adjustment_id) = (a.tenant_id, a.adjustment_id)) l USING (key)"                         \
    "  WHERE e.row IS DISTINCT FROM l.row"
#define LINES                                                                                                      \
    "region,architecture,mode,sku,tier,description,quantity,free_quantity,billed_quantity,unit,unit_price,amount," \
    "amount_exact"
#define LINES_COMPARED COMPARED("lines", "adjustment_lines", LINES, "e.n::text", "line")
#define CAUSES_COMPARED COMPARED("causes", "adjustment_causes", "cause,amount_exact", "e.d ->> 'cause'", "cause")
#define ITEMS_COMPARED \
    COMPARED("items", "adjustment_items", "kind,name,quantity,basis,amount,amount_exact", "e.n::text", "item")

/* Each with its document (null: it cannot be read), its tenant, what it corrects and what carries it. */
#define ADJUSTMENTS                                                                                               \
    "(SELECT a.*, t.name AS tenant, o.number AS invoice, c.number AS carrier, c.kind AS carrier_kind,"            \
    "  c.refers_to AS carrier_refers_to, document_json(a.document) AS d, document_json(c.document) AS carrier_d," \
    "  o.receipt_watermark AS watermark, b.sha256 IS NOT NULL AS has_book FROM adjustments a"                     \
    "  LEFT JOIN tenants t USING (tenant_id) LEFT JOIN price_books b ON b.sha256 = a.price_book_sha256"           \
    "  LEFT JOIN invoices o ON (o.tenant_id, o.invoice_id) = (a.tenant_id, a.base_id)"                            \
    "  LEFT JOIN invoices c ON (c.tenant_id, c.invoice_id) = (a.tenant_id, a.carrier_id))"

/* Where the chain of what is settled has got to before a link: the end of the link before it, or the invoice that it corrects. */
#define SETTLED                                                                                                  \
    "coalesce((SELECT max(p.to_receipt) FROM adjustments p WHERE p.tenant_id = a.tenant_id AND p.period_month =" \
    "  a.period_month AND p.base_id IS NOT DISTINCT FROM a.base_id AND p.to_receipt <= a.from_receipt), a.watermark)"

const char VERIFY_SQL_CORRECTIONS[] =
    "SELECT a.tenant, NULL, " ADJUSTMENT
    ", NULL::bigint, NULL::bigint, NULL::bigint, x.what, coalesce(x.expected, 'none'),"
    "  coalesce(x.found, 'none') FROM " ADJUSTMENTS
    " a CROSS JOIN LATERAL (SELECT v.what, v.expected, v.found FROM (VALUES"
    "  ('SHA-256 of the document', encode(a.document_sha256, 'hex'), encode(sha256(convert_to(a.document, 'UTF8')), 'hex')),"
    "  ('document', 'JSON', CASE WHEN a.d IS NULL THEN 'something else' ELSE 'JSON' END),"
    "  ('tenant', a.d ->> 'tenant', a.tenant), ('invoice that it corrects', a.d ->> 'invoice', a.invoice),"
    "  ('row of that invoice', a.base_id::text, CASE WHEN a.invoice IS NOT NULL THEN a.base_id::text END),"
    "  ('month', coalesce(a.d ->> 'month', left(a.d ->> 'period_start', 7)), to_char(a.period_month, 'YYYY-MM')),"
    "  ('period_start', a.d ->> 'period_start', " ADJUSTED_FROM "), ('period_end', a.d ->> 'period_end', " ADJUSTED_TO
    "),"
    "  ('from_receipt', a.d ->> 'from_receipt', a.from_receipt::text), ('to_receipt', a.d ->> 'to_receipt', a.to_receipt::text),"
    "  ('price book', a.d -> 'price_book' ->> 'sha256', encode(a.price_book_sha256, 'hex')),"
    "  ('price book', 'one that is kept', CASE WHEN a.has_book THEN 'one that is kept' ELSE 'none' END),"
    "  ('free_tier', a.d ->> 'free_tier', a.free_tier::text),"
    "  ('contract_revision', a.d -> 'contract' ->> 'revision', a.contract_revision::text),"
    "  ('currency', a.d ->> 'currency', a.currency), ('amount', a.d ->> 'amount', a.amount::text),"
    "  ('amount_exact', a.d ->> 'amount_exact', a.amount_exact::text), ('records', a.d ->> 'records', a.records::text),"
    /* it stands on the document that bills or credits it */
    "  ('document that carries it', a.carrier_id::text, CASE WHEN a.carrier IS NOT NULL THEN a.carrier_id::text END),"
    "  ('kind of the document that carries it', CASE a.disposition WHEN 'billed' THEN 'invoice' WHEN 'credited' THEN"
    "    'credit_note' ELSE a.carrier_kind END, a.carrier_kind),"
    "  ('invoice that its credit note is about', CASE a.disposition WHEN 'credited' THEN a.base_id::text END,"
    "   CASE a.disposition WHEN 'credited' THEN a.carrier_refers_to::text END),"
    "  ('adjustments on ' || coalesce(a.carrier, 'it'), CASE a.disposition WHEN 'billed' THEN 'its document' END,"
    "   CASE WHEN a.disposition = 'billed' AND a.carrier_d -> 'adjustments' @> jsonb_build_array(a.d) THEN 'its document' END),"
    /* and goes on where the one before ended */
    "  ('receipt at which it begins', coalesce(" SETTLED ", a.from_receipt)::text, a.from_receipt::text),"
    "  ('how often the same was settled before', (SELECT count(*) FROM adjustments p WHERE p.tenant_id = a.tenant_id"
    "    AND p.period_month = a.period_month AND p.base_id IS NOT DISTINCT FROM a.base_id AND p.from_receipt = a.from_receipt"
    "    AND (p.disposition = 'written_off') = (a.disposition = 'written_off') AND p.adjustment_id < a.adjustment_id)::text,"
    "   a.attempt::text)) AS v(what, expected, found) WHERE v.expected IS DISTINCT FROM v.found" LINES_COMPARED
        CAUSES_COMPARED ITEMS_COMPARED ") x"
    /* An adjustment that was taken away from under what it was made of. */
    " UNION ALL SELECT t.name, NULL, 'adjustment ' || l.adjustment_id, NULL, NULL, NULL, 'adjustment of rows of ' || l.kind,"
    "  'a row of adjustments', 'none' FROM (SELECT 'adjustment_lines' AS kind, tenant_id, adjustment_id FROM adjustment_lines"
    "  UNION SELECT 'adjustment_causes', tenant_id, adjustment_id FROM adjustment_causes"
    "  UNION SELECT 'adjustment_items', tenant_id, adjustment_id FROM adjustment_items) l LEFT JOIN tenants t USING (tenant_id)"
    "  WHERE NOT EXISTS (SELECT FROM adjustments a WHERE (a.tenant_id, a.adjustment_id) = (l.tenant_id, l.adjustment_id))"
    /* What invoices say of themselves beside their document; the rest of the row is compared when they are rated again. */
    " UNION ALL SELECT i.tenant, NULL, 'invoice ' || i.number || ' of ' ||"
    "  to_char(i.period_month, 'YYYY-MM'), NULL, NULL, NULL, 'table invoices, ' || v.what,"
    "  coalesce(v.expected, 'none'), coalesce(v.found, 'none')"
    "  FROM (SELECT i.*, t.name AS tenant, o.number AS other, o.revision AS other_revision, o.document_sha256 AS other_sha256,"
    "   document_json(i.document) AS d FROM invoices i LEFT JOIN tenants t USING (tenant_id)"
    "   LEFT JOIN invoices o ON (o.tenant_id, o.invoice_id) = (i.tenant_id, i.refers_to) WHERE i.state = 'final') i"
    "  CROSS JOIN LATERAL (VALUES ('state', i.d -> 'invoice' ->> 'state', i.state),"
    "   ('kind', coalesce(i.d -> 'invoice' ->> 'kind', 'invoice'), i.kind),"
    "   ('month', coalesce(i.d -> 'invoice' ->> 'month', left(i.d -> 'invoice' ->> 'period_start', 7)), to_char(i.period_month, 'YYYY-MM')),"
    "   ('refers_to', i.d -> 'invoice' -> 'refers_to' ->> 'number', i.other),"
    "   ('SHA-256 of what it refers to', i.d -> 'invoice' -> 'refers_to' ->> 'sha256', encode(i.other_sha256, 'hex')),"
    "   ('revision', CASE WHEN i.kind <> 'invoice' THEN i.other_revision ELSE (SELECT count(*) FROM invoices o WHERE o.tenant_id ="
    "     i.tenant_id AND o.period_month = i.period_month AND o.kind = 'invoice' AND o.state = 'final' AND o.invoice_id <"
    "     i.invoice_id) END::text, i.revision::text),"
    "   ('contract_sha256', i.d -> 'contract' ->> 'sha256', encode(i.contract_sha256, 'hex')),"
    "   ('contract_revision', i.d -> 'contract' ->> 'revision', i.contract_revision::text),"
    "   ('payable_currency', i.d -> 'payable' ->> 'currency', i.payable_currency),"
    "   ('payable_total', i.d -> 'payable' ->> 'total', i.payable_total::text)"
    "  ) AS v(what, expected, found) WHERE i.d IS NOT NULL AND v.expected IS DISTINCT FROM v.found ORDER BY 1, 3, 7";

const char VERIFY_SQL_CORRECTIONS_COUNT[] =
    "SELECT (SELECT count(*) FROM adjustments) + (SELECT count(*) FROM invoices WHERE state = 'final')";
