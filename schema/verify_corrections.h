/**
 * verify_corrections - documents of final periods beside the tables that repeat them; a part of verify_store.h
 *
 * An adjustment is one canonical document; its columns, lines, causes and items say the same again, and what is rated later reads
 * these (balances of credits and prepaid units, what is settled already). So does the row of an invoice. Each is compared with its document,
 * an adjustment with what carries it and with the links of its chain as well. Columns are those of verify_ask.c.
 */
#ifndef SCHEMA_VERIFY_CORRECTIONS_H
#define SCHEMA_VERIFY_CORRECTIONS_H

extern const char VERIFY_SQL_CORRECTIONS[];
extern const char VERIFY_SQL_CORRECTIONS_COUNT[]; /* adjustments and final documents */

#endif
