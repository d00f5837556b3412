#include "schema/migrate.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/digest.h"
#include "lib/log.h"
#include "lib/share.h"

enum { SQL_BYTES_MAX = 4 << 20, MIGRATIONS_MAX = 9999 };

static const char SQL_LOCK[] = "SELECT pg_advisory_lock(hashtextextended('millibill.migrate', 0))";
static const char SQL_UNLOCK[] = "SELECT pg_advisory_unlock(hashtextextended('millibill.migrate', 0))";
static const char SQL_BOOTSTRAP[] =
    "CREATE TABLE IF NOT EXISTS millibill.migrations ("
    " number integer PRIMARY KEY, name text NOT NULL, sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT "
    "now());"
    "COMMENT ON TABLE millibill.migrations IS 'Numbered files that were applied, with their digest';"
    "CREATE TABLE IF NOT EXISTS millibill.definitions ("
    " name text PRIMARY KEY, sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());"
    "COMMENT ON TABLE millibill.definitions IS 'Digest of the functions, views and grants that are in force';";
static const char SQL_DROP_VIEWS[] =
    "DO $$ DECLARE v text; BEGIN"
    " SELECT string_agg(format('millibill.%I', table_name), ', ') INTO v FROM information_schema.views"
    "  WHERE table_schema = 'millibill';"
    " IF v IS NOT NULL THEN EXECUTE 'DROP VIEW ' || v; END IF; END $$";

/* ---- files ---- */

typedef struct SqlFile {
    int number;
    char name[128]; /* without .sql */
    Buffer text;
    Digest digest;
} SqlFile;

static int
is_sql(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".sql") == 0 && entry->d_name[0] != '.';
}

static bool
sql_file_read(SqlFile *file, const char *folder, const char *file_name, Err *err)
{
    char path[PATH_MAX];
    if (!share_path(folder, file_name, path, err) || !file_read(path, SQL_BYTES_MAX, &file->text, err))
        return false;
    snprintf(file->name, sizeof file->name, "%.*s", (int) (strlen(file_name) - 4), file_name);
    file->digest = digest_of(file->text.data, file->text.length);
    return true;
}

static void
sql_files_free(SqlFile *files, int count)
{
    for (int i = 0; i < count; i++)
        buffer_free(&files[i].text);
    free(files);
}

static void
entries_free(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
}

/** Every .sql file of a folder in the order of names. NULL on failure. */
static SqlFile *
sql_files_read(const char *folder, int *count, Err *err)
{
    char path[PATH_MAX];
    if (!share_path(folder, "", path, err))
        return NULL;
    struct dirent **entries = NULL;
    int found = scandir(path, &entries, is_sql, alphasort);
    if (found < 0) {
        err_set(err, ERR_IO, "cannot list '%s'", path);
        return NULL;
    }
    SqlFile *files = calloc((size_t) found + 1, sizeof *files);
    bool good = files != NULL;
    if (files == NULL)
        err_set(err, ERR_NOMEM, "no memory for %d SQL files", found);
    for (int i = 0; good && i < found; i++)
        good = sql_file_read(&files[i], folder, entries[i]->d_name, err);
    entries_free(entries, found);
    if (!good && files != NULL) {
        sql_files_free(files, found);
        files = NULL;
    }
    *count = found;
    return files;
}

/** "0001_usage": four digits, each number once, in the order of names. A number may be missing: branches take theirs before
 *  they meet. What was applied must always be the first of the files that there are (check_known). */
static bool
number_files(SqlFile *files, int count, Err *err)
{
    for (int i = 0; i < count; i++) {
        char *end = NULL;
        int least = i == 0 ? 1 : files[i - 1].number + 1;
        long number = strtol(files[i].name, &end, 10);
        if (end != files[i].name + 4 || *end != '_' || number < least)
            return err_set(err, ERR_CORRUPT,
                           "schema/migrations/%s.sql: expected a name that starts with %04d_ or later", files[i].name,
                           least);
        files[i].number = (int) number;
    }
    return true;
}

/* ---- numbered migrations ---- */

static bool
check_applied(const SqlFile *file, const DbResult *applied, int row, Err *err)
{
    Buffer sha256 = {0};
    bool same = db_bytea(applied, row, 1, &sha256, err) && sha256.length == DIGEST_BYTES &&
                memcmp(sha256.data, file->digest.bytes, DIGEST_BYTES) == 0;
    buffer_free(&sha256);
    if (same)
        return true;
    err_set(err, ERR_CORRUPT, "migration %s was applied with other content than the file has now", file->name);
    return err_hint(err,
                    "An applied migration is never edited: put the change into a new file, %04d_NAME.sql or later.",
                    file->number + 1);
}

static bool
apply_one(Db *db, const SqlFile *file, Err *err)
{
    DbParam params[3];
    db_set_i64(&params[0], file->number);
    params[1] = db_string(file->name);
    params[2] = db_bytes(file->digest.bytes, DIGEST_BYTES);
    bool done = db_begin(db, false, err) && db_script(db, file->text.data, err) &&
                db_run(db, "INSERT INTO millibill.migrations (number, name, sha256) VALUES ($1, $2, $3)", params, 3,
                       NULL, err) &&
                db_commit(db, err);
    db_rollback(db);
    if (!done)
        return err_prefix(err, "migration %s: ", file->name);
    log_info("event=migration_applied name=%s", file->name);
    return true;
}

/** Every applied migration must be the file we have; a database may not be ahead of the program. */
static bool
check_known(Db *db, const SqlFile *files, int count, int *known, Err *err)
{
    DbResult *applied =
        db_query(db, "SELECT number, sha256, name FROM millibill.migrations ORDER BY number", NULL, 0, err);
    if (applied == NULL)
        return false;
    bool good = true;
    *known = db_rows(applied);
    for (int i = 0; good && i < *known; i++) {
        int64_t number = db_i64(applied, i, 0);
        if (i >= count || number < files[i].number) {
            err_set(err, ERR_CONFLICT, "the database has migration %s, which this program does not know",
                    db_value(applied, i, 2));
            good = err_hint(err, "Use the millibill version that made it, or a newer one.");
        } else {
            good = number == files[i].number
                       ? check_applied(&files[i], applied, i, err)
                       : err_set(err, ERR_CORRUPT, "migration %s is missing in the database", files[i].name);
        }
    }
    db_result_free(&applied);
    return good;
}

static bool
apply_numbered(Db *db, MigrateReport *report, Err *err)
{
    int count = 0;
    SqlFile *files = sql_files_read("schema/migrations", &count, err);
    if (files == NULL)
        return false;
    bool good = number_files(files, count, err) && check_known(db, files, count, &report->known, err);
    for (int i = report->known; good && i < count; i++) {
        good = apply_one(db, &files[i], err);
        report->applied += good;
    }
    if (good && count > 0) {
        report->last_number = files[count - 1].number;
        snprintf(report->last_name, sizeof report->last_name, "%s", files[count - 1].name);
    }
    sql_files_free(files, count);
    return good;
}

/* ---- functions, views, grants ---- */

/** One digest over names and contents: anything that changes makes all anew. */
static bool
definitions_digest(const SqlFile *files, int count, const SqlFile *grants, Digest *digest, Err *err)
{
    Buffer all = {0};
    bool good = true;
    for (int i = 0; good && i < count; i++)
        good = buffer_append(&all, files[i].name, strlen(files[i].name) + 1, err) &&
               buffer_append(&all, files[i].digest.bytes, DIGEST_BYTES, err);
    good = good && buffer_append(&all, grants->digest.bytes, DIGEST_BYTES, err);
    if (good)
        *digest = digest_of(all.data, all.length);
    buffer_free(&all);
    return good;
}

static bool
definitions_current(Db *db, const Digest *digest, bool *current, Err *err)
{
    const DbParam params[1] = {db_bytes(digest->bytes, DIGEST_BYTES)};
    DbResult *result =
        db_query(db, "SELECT 1 FROM millibill.definitions WHERE name = 'views' AND sha256 = $1", params, 1, err);
    if (result == NULL)
        return false;
    *current = db_rows(result) == 1;
    db_result_free(&result);
    return true;
}

static bool
definitions_apply(Db *db, const SqlFile *files, int count, const SqlFile *grants, const Digest *digest, Err *err)
{
    bool good = db_begin(db, false, err) && db_script(db, SQL_DROP_VIEWS, err);
    for (int i = 0; good && i < count; i++)
        good = db_script(db, files[i].text.data, err) || err_prefix(err, "schema/views/%s.sql: ", files[i].name);
    const DbParam params[1] = {db_bytes(digest->bytes, DIGEST_BYTES)};
    good = good && (db_script(db, grants->text.data, err) || err_prefix(err, "schema/grants.sql: ")) &&
           db_run(db,
                  "INSERT INTO millibill.definitions (name, sha256) VALUES ('views', $1)"
                  " ON CONFLICT (name) DO UPDATE SET sha256 = EXCLUDED.sha256, applied_at = now()",
                  params, 1, NULL, err) &&
           db_commit(db, err);
    db_rollback(db);
    return good;
}

static bool
refresh_definitions(Db *db, MigrateReport *report, Err *err)
{
    int count = 0;
    SqlFile grants = {0};
    SqlFile *files = sql_files_read("schema/views", &count, err);
    Digest digest;
    bool current = false;
    bool good = files != NULL && sql_file_read(&grants, "schema", "grants.sql", err) &&
                definitions_digest(files, count, &grants, &digest, err) &&
                definitions_current(db, &digest, &current, err);
    if (good && (!current || report->applied > 0)) {
        good = definitions_apply(db, files, count, &grants, &digest, err);
        report->views_refreshed = good;
    }
    buffer_free(&grants.text);
    if (files != NULL)
        sql_files_free(files, count);
    return good;
}

/* ---- entry points ---- */

MUST_CHECK bool
installation_ensure(Db *owner, Err *err)
{
    uint8_t incarnation[16];
    random_bytes(incarnation, sizeof incarnation);
    const DbParam params[1] = {db_bytes(incarnation, sizeof incarnation)};
    return db_run(owner, "INSERT INTO millibill.installation (incarnation) VALUES ($1) ON CONFLICT (one) DO NOTHING",
                  params, 1, NULL, err);
}

MUST_CHECK bool
migrate_roles(Db *superuser, Err *err)
{
    SqlFile roles = {0};
    bool done = sql_file_read(&roles, "schema", "roles.sql", err) && db_run(superuser, SQL_LOCK, NULL, 0, NULL, err) &&
                db_begin(superuser, false, err) && db_script(superuser, roles.text.data, err) &&
                db_commit(superuser, err);
    db_rollback(superuser);
    Err ignored = {0};
    if (!db_run(superuser, SQL_UNLOCK, NULL, 0, NULL, &ignored))
        log_debug("event=migrate_unlock_failed"); /* the lock ends with the connection */
    buffer_free(&roles.text);
    return done || err_prefix(err, "schema/roles.sql: ");
}

static bool
migrate_locked(Db *owner, MigrateReport *report, Err *err)
{
    return db_script(owner, SQL_BOOTSTRAP, err) && apply_numbered(owner, report, err) &&
           refresh_definitions(owner, report, err) && installation_ensure(owner, err) &&
           db_run(owner, "SELECT millibill.partitions_ahead()", NULL, 0, NULL, err);
}

MUST_CHECK bool
migrate_run(Db *owner, MigrateReport *report, Err *err)
{
    *report = (MigrateReport){0};
    if (!db_run(owner, SQL_LOCK, NULL, 0, NULL, err))
        return false;
    bool done = migrate_locked(owner, report, err);
    Err ignored = {0};
    if (!db_run(owner, SQL_UNLOCK, NULL, 0, NULL, &ignored))
        log_debug("event=migrate_unlock_failed");
    return done;
}

MUST_CHECK bool
migrate_check(Db *db, Err *err)
{
    int count = 0;
    SqlFile *files = sql_files_read("schema/migrations", &count, err);
    if (files == NULL)
        return false;
    int known = 0;
    DbResult *table = db_query(db, "SELECT to_regclass('millibill.migrations') IS NOT NULL", NULL, 0, err);
    bool good = table != NULL && number_files(files, count, err);
    if (good && strcmp(db_value(table, 0, 0), "t") == 0)
        good = check_known(db, files, count, &known, err);
    if (good && known < count) {
        err_set(err, ERR_CONFLICT, "the database lacks migration %s", files[known].name);
        good = err_hint(err, "Run `millibill migrate`.");
    }
    db_result_free(&table);
    sql_files_free(files, count);
    return good;
}
