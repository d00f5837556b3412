/* What stands at the start of LMDB's pages (0.9, format 1): reading does not look at all of it, but the next change does. */
#include "agent/spool_inspect_internal.h"

#include <string.h>
#include <unistd.h>

enum { LEAF_FLAGS = 2, OVERFLOW_FLAGS = 4, HEAD_TXN_AT = 144, HEADS = 2 };

typedef struct PageHead {
    uint64_t number;
    uint16_t pad;
    uint16_t flags;
    uint16_t lower; /* of a leaf: end of the places of its entries; of an overflow page: with `upper`, how many pages */
    uint16_t upper; /* of a leaf: where its entries begin */
} PageHead;

bool
spool_leaf_is_sound(const char *page, size_t page_bytes)
{
    PageHead head;
    memcpy(&head, page, sizeof(head));
    if (head.flags != LEAF_FLAGS || head.lower <= sizeof(head) || head.lower > head.upper || head.upper > page_bytes)
        return false;
    size_t lowest = page_bytes;
    for (size_t at = sizeof(head); at + sizeof(uint16_t) <= head.lower; at += sizeof(uint16_t)) {
        uint16_t entry;
        memcpy(&entry, page + at, sizeof(entry));
        lowest = entry < lowest ? entry : lowest;
    }
    return lowest == head.upper; /* else the next entry would be written over another */
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
