/**
 * verify_heads_parts - what the files of verify_heads share: heads as they are found, and taking notes of them
 */
#ifndef RATER_VERIFY_HEADS_PARTS_H
#define RATER_VERIFY_HEADS_PARTS_H

#include "rater/verify_finals.h"
#include "rater/verify_seals.h"
#include "schema/heads_file.h"

/** A head and what is found of it. */
typedef struct Head {
    SealHead head;
    DigestState seals;
    int64_t seal_count;
    DigestState books;
    int64_t book_count;
    DigestState invoices;
    int64_t invoice_count;
    bool invoices_differ; /* from what was signed */
    bool in_file;         /* as the file says now, after steps back */
} Head;

typedef struct Heads {
    Db *db;
    const char *path;
    int64_t bytes; /* as much of it is looked at */
    bool is_copy;  /* made some time ago */
    VerifyReport *report;
    Head *all; /* by number; all[0] is head 1 when there is no gap */
    size_t count, capacity;
    size_t at;             /* head whose books are being read */
    SealPublicKeys keys;   /* none: noted once */
    size_t key_at;         /* that of the head before: keys follow one another and none comes back */
    size_t file_key;       /* latest key that signed a head of the file */
    int64_t file_last;     /* last head that the file has */
    Digest file_digest;    /* its digest: the next line's `previous` */
    int64_t strange_seals; /* seals whose head does not exist */
    Finals *finals;
} Heads;

/** Notes of the check of heads; true also when nothing had to be noted. ERR_NOMEM. */
MUST_CHECK bool
heads_note(Heads *self, int64_t number, const char *what, const char *expected, const char *found, Err *err);
MUST_CHECK bool
heads_same_digest(Heads *self, int64_t number, const char *what, const Digest *expected, const Digest *found, Err *err);
MUST_CHECK bool
heads_same_number(Heads *self, int64_t number, const char *what, int64_t expected, int64_t found, Err *err);
/** Signed with the key that we know, and rightly? */
MUST_CHECK bool heads_check_signature(Heads *self, int64_t number, const char *what, const Digest *digest,
                                      const uint8_t *public_key, const uint8_t *signature, Err *err);
/** The place of a key among those that we know; their number when it is none of them. */
size_t heads_key_index(const Heads *self, const uint8_t *public_key);
/** NULL when there is none of that number. */
Head *heads_find(const Heads *self, int64_t number);

/** The heads file against the heads of the database, which are read and checked. */
MUST_CHECK bool heads_check_file(Heads *self, Err *err);

#endif
