/**
 * upload - records of a command-line source, packed into batches and put to the agent
 *
 * Packs USAGE_BATCH_RECORDS records into a batch and hands it over when the next one comes; memory is one batch. Not thread-safe. After an error
 * only upload_free may be called.
 */
#ifndef AGENT_UPLOAD_H
#define AGENT_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/local_client.h"
#include "lib/err.h"
#include "proto/usage_batch.h"
#include "proto/usage_record.h"

typedef struct Upload Upload;

/** Connect to the agent's import socket and begin. Caller frees. NULL: as local_client_open. */
MUST_CHECK Upload *upload_open(const char *socket_path, const LocalBegin *begin, Err *err);
void upload_free(Upload **self);

/** Add one record that passed usage_record_check with its id / one line that could not become a record. Texts are copied. */
MUST_CHECK bool upload_record(Upload *self, const UsageRecord *record, Err *err);
MUST_CHECK bool upload_reject(Upload *self, const UsageRejected *rejected, Err *err);
MUST_CHECK bool upload_lose(Upload *self, const UsageLoss *loss, Err *err);

/** Asked for the marks of files that go with each batch: hands them to `put`. They may cover all records added so far. */
typedef bool (*UploadMarks)(void *caller, FollowPut put, void *context, Err *err);
void upload_on_put(Upload *self, UploadMarks marks, void *caller);

/** Hand over what there is, marks too, and wait until the agent's spool has it. */
MUST_CHECK bool upload_sync(Upload *self, Err *err);
/** Records, rejected lines and losses that were not handed over yet. */
size_t upload_waiting(const Upload *self);

/** As local_client_find. */
MUST_CHECK bool upload_find(Upload *self, uint64_t device, uint64_t inode, const char *pattern, FollowVisit visit,
                            void *context, Err *err);

/** Hand over what is left and end; `wait` as in local_client_finish. Shows the commits on a terminal meanwhile. */
MUST_CHECK bool upload_finish(Upload *self, bool wait, LocalOutcome *outcome, Err *err);

#endif
