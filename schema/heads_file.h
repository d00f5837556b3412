/**
 * heads_file - every signed head, one JSON line each, outside of the database
 *
 * Lines are only appended: a head is committed first and appended then, so that the file never names a head that was not
 * committed; heads that a crash kept out of it are appended before the next. A line that a crash cut off is ended, and its head
 * appended again; so is one that a failed fsync lost. After a database was set back on purpose, a signed `restored` line says from which head to which.
 *
 * Who holds a copy of this file that the database's owner cannot write sees every change and every step back.
 */
#ifndef SCHEMA_HEADS_FILE_H
#define SCHEMA_HEADS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/patience.h"
#include "schema/heads_line.h"
#include "schema/seal.h"

/** Hold the file against other sealers until heads_file_unlock(); it is made when there is none. Returns a descriptor, or -1:
 *  ERR_BUSY (another has it), ERR_IO. Reading asks for no lock, nor does appending: who appends holds it. */
MUST_CHECK int heads_file_lock(const char *path, Patience *patience, Err *err);
void heads_file_unlock(int file);

/** Append a head with the roots and final invoices that it covers, and make it durable. ERR_IO: nothing or a part of the line was written. */
MUST_CHECK bool heads_file_append(const char *path, const SealHead *head, const HeadsMade *made, Err *err);
MUST_CHECK bool heads_file_append_restored(const char *path, const HeadsRestored *restored, Err *err);

/** The last whole line that can be read; `*found` false when there is none or no file. Its JSON is not kept. ERR_IO. */
MUST_CHECK bool heads_file_last(const char *path, HeadsLine *line, bool *found, Err *err);

/** How long the file is now; 0 when there is none. */
int64_t heads_file_bytes(const char *path);

/** Every line in order that ends within the first `bytes_max` bytes; one without its end is left out. `*exists` false when there
 *  is no file. A head in the file was committed before: what stands in it before a snapshot is taken is in the snapshot.
 *  ERR_IO, ERR_NOMEM. */
typedef bool (*HeadsVisit)(void *context, const HeadsLine *line, Err *err);
MUST_CHECK bool
heads_file_read(const char *path, int64_t bytes_max, bool *exists, HeadsVisit visit, void *context, Err *err);

#endif
