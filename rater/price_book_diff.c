/* price-book diff - what differs between two price books, fact by fact */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "lib/json.h"
#include "lib/options.h"
#include "rater/book_facts.h"
#include "rater/book_json.h"
#include "rater/commands.h"
#include "rater/price_book.h"

/* One fact that differs; the regions in which it does so alike are brought together. */
typedef struct Change {
    const BookFact *from; /* NULL: added */
    const BookFact *to;   /* NULL: removed */
} Change;

typedef struct Changes {
    Change *all;
    size_t count;
    size_t capacity;
} Changes;

static const BookFact *
subject(const Change *change)
{
    return change->to != NULL ? change->to : change->from;
}

static int
compare_values(const BookFact *a, const BookFact *b)
{
    if (a == NULL || b == NULL)
        return (a != NULL) - (b != NULL);
    return strcmp(a->value, b->value);
}

/* Equal but for the region. */
static int
compare_alike(const Change *a, const Change *b)
{
    int order = strcmp(subject(a)->what, subject(b)->what);
    if (order == 0)
        order = strcmp(subject(a)->field, subject(b)->field);
    if (order == 0)
        order = compare_values(a->from, b->from);
    return order != 0 ? order : compare_values(a->to, b->to);
}

static int
compare_changes(const void *left, const void *right)
{
    int order = compare_alike(left, right);
    return order != 0 ? order : strcmp(subject(left)->region, subject(right)->region);
}

static bool
add_change(Changes *self, const BookFact *from, const BookFact *to, Err *err)
{
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof(*self->all), err))
        return false;
    self->all[self->count++] = (Change){from, to};
    return true;
}

static bool
find_changes(const BookFacts *a, const BookFacts *b, Changes *out, Err *err)
{
    bool done = true;
    for (size_t i = 0, j = 0; done && (i < a->count || j < b->count);) {
        int order = i == a->count ? 1 : j == b->count ? -1 : book_fact_compare(&a->all[i], &b->all[j]);
        const BookFact *from = order <= 0 ? &a->all[i++] : NULL;
        const BookFact *to = order >= 0 ? &b->all[j++] : NULL;
        if (from == NULL || to == NULL || strcmp(from->value, to->value) != 0)
            done = add_change(out, from, to, err);
    }
    if (done && out->count > 1)
        qsort(out->all, out->count, sizeof(*out->all), compare_changes);
    return done;
}

static size_t
alike_end(const Changes *changes, size_t start)
{
    size_t end = start;
    while (end < changes->count && compare_alike(&changes->all[start], &changes->all[end]) == 0)
        end++;
    return end;
}

static const char *
value_or(const BookFact *fact, const char *absent)
{
    return fact == NULL ? absent : fact->value;
}

static void
print_text(const PriceBook *a, const PriceBook *b, const Changes *changes)
{
    printf("%s %s -> %s %s\n", a->name, a->version, b->name, b->version);
    if (changes->count == 0)
        puts("no difference in what they charge");
    const char *what = "";
    for (size_t start = 0, end = 0; start < changes->count; start = end) {
        const Change *change = &changes->all[start];
        end = alike_end(changes, start);
        if (strcmp(subject(change)->what, what) != 0)
            printf("\n%s\n", subject(change)->what);
        what = subject(change)->what;
        printf("  %s: %s -> %s", subject(change)->field, value_or(change->from, "(none)"),
               value_or(change->to, "(none)"));
        for (size_t i = start; i < end; i++) {
            if (subject(&changes->all[i])->region[0] != '\0')
                printf("%s%s", i == start ? "  in " : ", ", subject(&changes->all[i])->region);
        }
        putchar('\n');
    }
}

static bool
add_entry(Json *differences, const Changes *changes, size_t start, size_t end, Err *err)
{
    const Change *change = &changes->all[start];
    Json *entry = json_new_object(err);
    Json *regions = NULL;
    bool done = entry != NULL && json_append(differences, entry, err) &&
                json_add_text(entry, "what", subject(change)->what, err) &&
                json_add_text(entry, "field", subject(change)->field, err) &&
                json_add_text(entry, "from", value_or(change->from, NULL), err) &&
                json_add_text(entry, "to", value_or(change->to, NULL), err) &&
                (regions = json_new_array(err)) != NULL && json_add(entry, "regions", regions, err);
    for (size_t i = start; done && i < end; i++) {
        if (subject(&changes->all[i])->region[0] != '\0')
            done = json_append(regions, json_object_new_string(subject(&changes->all[i])->region), err);
    }
    return done;
}

static bool
print_json(const PriceBook *a, const PriceBook *b, const Changes *changes, Err *err)
{
    Json *object = json_new_object(err);
    Json *from = book_json_summary(a, err);
    Json *to = book_json_summary(b, err);
    Json *differences = json_new_array(err);
    bool done = object != NULL && from != NULL && to != NULL && differences != NULL &&
                json_add(object, "from", json_object_get(from), err) &&
                json_add(object, "to", json_object_get(to), err) &&
                json_add(object, "differences", json_object_get(differences), err);
    for (size_t start = 0, end = 0; done && start < changes->count; start = end) {
        end = alike_end(changes, start);
        done = add_entry(differences, changes, start, end, err);
    }
    done = done && json_print(object, stdout, err);
    json_object_put(differences);
    json_object_put(to);
    json_object_put(from);
    json_object_put(object);
    return done;
}

static bool
diff(const char *first, const char *second, bool json, Err *err)
{
    PriceBook *a = price_book_find(first, err);
    PriceBook *b = a == NULL ? NULL : price_book_find(second, err);
    BookFacts left = {0};
    BookFacts right = {0};
    Changes changes = {0};
    bool done = b != NULL && book_facts(a, &left, err) && book_facts(b, &right, err) &&
                find_changes(&left, &right, &changes, err);
    if (done && json)
        done = print_json(a, b, &changes, err);
    else if (done)
        print_text(a, b, &changes);
    free(changes.all);
    book_facts_free(&left);
    book_facts_free(&right);
    price_book_free(&a);
    price_book_free(&b);
    return done;
}

int
price_book_diff_command(int argc, char **argv)
{
    bool json = false;
    const Option table[] = {
        OPTION_JSON(&json),
        OPTION_END,
    };
    const CommandLine line = {
        .command = "millibill price-book diff",
        .arguments = "NAME|FILE NAME|FILE",
        .summary = "Show what differs between two price books: figures, rules, free tiers; not titles and sources.",
        .options = table,
        .arguments_min = 2,
        .arguments_max = 2,
    };
    const char *const *names = NULL;
    OptionsResult result = options_parse(&line, argc, argv, &names);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    return diff(names[0], names[1], json, &err) ? EXIT_SUCCESS : err_report(&err, "millibill price-book diff");
}
