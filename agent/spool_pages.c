/* What stands at the start of LMDB's pages (0.9, format 1): reading does not look at all of it, but the next change does. */
#include "agent/spool_inspect_internal.h"

#include <string.h>
#include <unistd.h>

enum {
    BRANCH_FLAGS = 1, /* of pages */
    LEAF_FLAGS = 2,
    OVERFLOW_FLAGS = 4,
    BIG_ENTRY = 1, /* of entries: the value has pages of its own, and only their number stands here */
    TABLE_ENTRY = 2,
    HEAD_TXN_AT = 144,
    HEADS = 2,
    PAGE_BYTES_MAX = 32 << 10
};

typedef struct PageHead {
    uint64_t number;
    uint16_t pad;
    uint16_t flags;
    uint16_t
        lower; /* of a leaf or branch: end of the places of its entries; of an overflow page: with `upper`, how many pages */
    uint16_t upper; /* of a leaf or branch: where its entries begin */
} PageHead;

/* Before every entry; in a branch all but the length of the key is the number of a page. */
typedef struct EntryHead {
    uint16_t low; /* of the value's length */
    uint16_t high;
    uint16_t flags;
    uint16_t key_bytes;
} EntryHead;

/* What an entry takes of its page. 0: it cannot be one. */
static size_t
entry_bytes(const EntryHead *entry, bool is_leaf)
{
    size_t bytes = sizeof(*entry) + entry->key_bytes;
    if (is_leaf && (entry->flags & ~(BIG_ENTRY | TABLE_ENTRY)) != 0)
        return 0;
    if (is_leaf)
        bytes += entry->flags & BIG_ENTRY ? sizeof(uint64_t) : entry->low + ((size_t) entry->high << 16);
    return bytes + bytes % 2;
}

/* LMDB keeps entries side by side, from `upper` to the end of the page: changing one moves all that lie before it, by the length
 * that it has, or says that it has. */
static bool
entries_fit(const char *page, size_t page_bytes, const PageHead *head)
{
    uint16_t lengths[PAGE_BYTES_MAX / 2]; /* of the entry that begins at each even place */
    memset(lengths, 0, page_bytes);
    for (size_t place = sizeof(*head); place < head->lower; place += sizeof(uint16_t)) {
        uint16_t at;
        EntryHead entry;
        memcpy(&at, page + place, sizeof(at));
        if (at % 2 != 0 || at < head->upper || at + sizeof(entry) > page_bytes || lengths[at / 2] != 0)
            return false;
        memcpy(&entry, page + at, sizeof(entry));
        size_t length = entry_bytes(&entry, head->flags == LEAF_FLAGS);
        if (length == 0 || length > page_bytes - at)
            return false;
        lengths[at / 2] = (uint16_t) length;
    }
    size_t seen = 0;
    size_t at = head->upper;
    for (; at < page_bytes && lengths[at / 2] != 0; at += lengths[at / 2])
        seen++;
    return at == page_bytes && seen == (head->lower - sizeof(*head)) / sizeof(uint16_t);
}

static bool
is_sound(const char *page, size_t page_bytes, uint16_t flags)
{
    PageHead head;
    memcpy(&head, page, sizeof(head));
    return page_bytes <= PAGE_BYTES_MAX && head.flags == flags && head.lower % sizeof(uint16_t) == 0 &&
           head.lower > sizeof(head) && head.lower <= head.upper && head.upper < page_bytes &&
           entries_fit(page, page_bytes, &head);
}

bool
spool_leaf_is_sound(const char *page, size_t page_bytes)
{
    return is_sound(page, page_bytes, LEAF_FLAGS);
}

bool
spool_branch_is_sound(const char *page, size_t page_bytes)
{
    return is_sound(page, page_bytes, BRANCH_FLAGS);
}

bool
spool_is_branch(const char *page, uint64_t number)
{
    PageHead head;
    memcpy(&head, page, sizeof(head));
    return head.number == number && head.flags == BRANCH_FLAGS;
}

bool
spool_overflow_is_sound(const char *page, size_t pages)
{
    PageHead head;
    memcpy(&head, page, sizeof(head));
    return head.flags == OVERFLOW_FLAGS && head.lower + ((size_t) head.upper << 16) == pages;
}

bool
spool_heads_follow(int fd, size_t page_bytes)
{
    uint64_t txn[HEADS];
    for (size_t i = 0; i < HEADS; i++)
        if (pread(fd, &txn[i], sizeof(txn[i]), (off_t) (i * page_bytes + HEAD_TXN_AT)) != (ssize_t) sizeof(txn[i]))
            return false;
    bool is_new = txn[0] == 0 && txn[1] == 0;
    return is_new || (txn[0] % HEADS == 0 && txn[1] % HEADS == 1 && (txn[0] + 1 == txn[1] || txn[1] + 1 == txn[0]));
}
