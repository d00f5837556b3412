#include "cli/near.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES_MAX = 32, NEAR_EDITS = 2, NEAR_MAX = 4 };

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edit distance with swaps of neighbours (optimal string alignment). */
static size_t
distance(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b);
    size_t cost[NAME_BYTES_MAX + 1][NAME_BYTES_MAX + 1];
    if (rows > NAME_BYTES_MAX || columns > NAME_BYTES_MAX)
        return NAME_BYTES_MAX;
    for (size_t i = 0; i <= rows; i++)
        cost[i][0] = i;
    for (size_t j = 0; j <= columns; j++)
        cost[0][j] = j;
    for (size_t i = 1; i <= rows; i++)
        for (size_t j = 1; j <= columns; j++) {
            size_t change = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            cost[i][j] = least(change, least(cost[i - 1][j], cost[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
        }
    return cost[rows][columns];
}

static int
is_near(const char *typed, const char *name)
{
    size_t length = strlen(typed);
    size_t allowed = least(NEAR_EDITS, strlen(name) / 2);
    return (length > 0 && strncmp(typed, name, length) == 0) || distance(typed, name) <= allowed;
}

size_t
near_names(const char *typed, const char *const *names, char *out, size_t size)
{
    const char *found[NEAR_MAX];
    size_t count = 0, used = 0;
    for (; *names != NULL && count < NEAR_MAX; names++)
        if (is_near(typed, *names))
            found[count++] = *names;
    out[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        const char *between = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        used += (size_t) snprintf(out + used, size - used, "%s'%s'", between, found[i]);
    }
    return count;
}
