/**
 * verify_references - rows that name another row which is not there; a part of verify_store.h
 *
 * The other questions go from a tenant, a stream or an invoice to what belongs to it: what belongs to nobody they cannot see.
 * The owner of the database can take a row away from under others (foreign keys bind nobody who may drop them), so each
 * reference is looked up here, whatever the tenant and period that were asked for. Columns are those of verify_ask.c.
 */
#ifndef SCHEMA_VERIFY_REFERENCES_H
#define SCHEMA_VERIFY_REFERENCES_H

extern const char VERIFY_SQL_REFERENCES[];
extern const char VERIFY_SQL_REFERENCES_COUNT[]; /* rows whose references are looked up */

#endif
