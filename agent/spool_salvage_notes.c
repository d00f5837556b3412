/* Notes of a damaged file. They carry no mark to be searched by, as batches do: they are read through LMDB's tables as far as those
 * lead, by a child process, because LMDB crashes over damaged pages. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/spool_internal.h"
#include "lib/log.h"

enum { READING_SECONDS_MAX = 60, ALL_READ = 0, SOME_READ = 1 };

/* Before key and value in the pipe. */
typedef struct NoteHead {
    uint32_t table;
    uint32_t key_bytes;
    uint32_t value_bytes;
} NoteHead;

static void
tell_note(SpoolTable table, Text key, Text value, FILE *out)
{
    const NoteHead head = {table, (uint32_t) key.length, (uint32_t) value.length};
    (void) fwrite(&head, sizeof(head), 1, out);
    (void) fwrite(key.data, 1, key.length, out);
    (void) fwrite(value.data, 1, value.length, out);
    (void) fflush(out); /* the next one may end this process */
}

/* Is the table read to its end, with every note whole, and as many as it says? A page that comes twice stands in the place of one
 * that does not come. */
static bool
tell_table(MDB_txn *txn, SpoolTable table, FILE *out)
{
    char name[32];
    MDB_dbi dbi;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val stored;
    MDB_val before = {0};
    MDB_stat stat;
    size_t count = 0;
    (void) snprintf(name, sizeof(name), "notes-%d", (int) table);
    if (mdb_dbi_open(txn, name, 0, &dbi) != 0 || mdb_stat(txn, dbi, &stat) != 0 ||
        mdb_cursor_open(txn, dbi, &cursor) != 0)
        return false;
    bool whole = true;
    int rc;
    while ((rc = mdb_cursor_get(cursor, &key, &stored, MDB_NEXT)) == 0) {
        Text value;
        count++;
        if (before.mv_data != NULL && mdb_cmp(txn, dbi, &before, &key) >= 0)
            whole = false;
        before = key;
        if (key.mv_size > SPOOL_NOTE_KEY_BYTES_MAX || stored.mv_size > SPOOL_NOTE_VALUE_BYTES_MAX + sizeof(uint32_t) ||
            !spool_note_open(table, (Text){key.mv_data, key.mv_size}, &stored, &value)) {
            whole = false;
            continue;
        }
        tell_note(table, (Text){key.mv_data, key.mv_size}, value, out);
    }
    return whole && rc == MDB_NOTFOUND && count == stat.ms_entries;
}

/* In the child: the exit status. Leaks. */
static int
tell_notes(const char *directory, int pipe_end)
{
    MDB_env *env;
    MDB_txn *txn;
    FILE *out = fdopen(pipe_end, "w");
    if (out == NULL || mdb_env_create(&env) != 0 || mdb_env_set_maxdbs(env, 3 + SPOOL_TABLE_COUNT) != 0 ||
        mdb_env_open(env, directory, MDB_RDONLY | MDB_NOLOCK | MDB_NORDAHEAD, 0600) != 0 ||
        mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0)
        return SOME_READ;
    bool whole = true;
    for (int table = 0; table < SPOOL_TABLE_COUNT; table++)
        whole = tell_table(txn, (SpoolTable) table, out) && whole;
    return fflush(out) == 0 && whole ? ALL_READ : SOME_READ;
}

/* One note from the pipe. False at its end. */
static bool
hear_note(FILE *in, NoteHead *head, char key[SPOOL_NOTE_KEY_BYTES_MAX], char value[SPOOL_NOTE_VALUE_BYTES_MAX])
{
    return fread(head, sizeof(*head), 1, in) == 1 && head->table < SPOOL_TABLE_COUNT &&
           head->key_bytes <= SPOOL_NOTE_KEY_BYTES_MAX && head->value_bytes <= SPOOL_NOTE_VALUE_BYTES_MAX &&
           fread(key, 1, head->key_bytes, in) == head->key_bytes &&
           fread(value, 1, head->value_bytes, in) == head->value_bytes;
}

/* Into the new spool. `*all`: becomes false where one finds no room. */
static bool
take_notes(FILE *in, Spool *to, size_t *taken, bool *all, Err *err)
{
    NoteHead head;
    char key[SPOOL_NOTE_KEY_BYTES_MAX];
    char value[SPOOL_NOTE_VALUE_BYTES_MAX];
    while (hear_note(in, &head, key, value)) {
        Err full = {0};
        if (spool_has_staged_enough(to) && (!spool_commit(to, true, err) || !spool_stage(to, err)))
            return false;
        bool done = spool_note_set(to, (SpoolTable) head.table, (Text){key, head.key_bytes},
                                   (Text){value, head.value_bytes}, &full);
        if (!done && full.code != ERR_FULL) {
            *err = full;
            return false;
        }
        *taken += done;
        *all = *all && done;
    }
    return true;
}

bool
spool_salvage_notes(const char *directory, Spool *to, size_t *taken, bool *all, Err *err)
{
    int ends[2];
    *taken = 0;
    *all = true;
    if (pipe(ends) != 0)
        return err_set(err, ERR_IO, "a pipe for the notes of a damaged spool: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        (void) close(ends[0]);
        spool_be_mortal(READING_SECONDS_MAX);
        _exit(tell_notes(directory, ends[1]));
    }
    (void) close(ends[1]);
    FILE *in = child < 0 ? NULL : fdopen(ends[0], "r");
    bool done = in == NULL
                    ? err_set(err, ERR_NOMEM, "no process to read the notes of a damaged spool: %s", strerror(errno))
                    : take_notes(in, to, taken, all, err);
    if (in != NULL)
        (void) fclose(in);
    else
        (void) close(ends[0]);
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    *all = *all && WIFEXITED(status) && WEXITSTATUS(status) == ALL_READ;
    return done;
}
