#include "rater/book_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/decimal.h"

Place
place_root(const YamlNode *root)
{
    return (Place){.node = root, .parent = root};
}

Place
place_member(const Place *mapping, const char *key)
{
    Place place = {.node = yaml_get(mapping->node, key), .parent = mapping->node};
    snprintf(place.path, sizeof(place.path), "%.100s%s%.50s", mapping->path, mapping->path[0] == '\0' ? "" : ".", key);
    return place;
}

Place
place_item(const Place *sequence, size_t i)
{
    Place place = {.node = yaml_item(sequence->node, i), .parent = sequence->node};
    snprintf(place.path, sizeof(place.path), "%.120s[%zu]", sequence->path, i);
    return place;
}

bool
place_exists(const Place *place)
{
    return place->node != NULL;
}

bool
place_fail(const Place *place, Err *err, const char *format, ...)
{
    char message[ERR_MESSAGE_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    return yaml_fail(place->node != NULL ? place->node : place->parent, place->path, err, "%s", message);
}

bool
place_keys(const Place *mapping, const char *const *allowed, Err *err)
{
    if (!yaml_is_mapping(mapping->node))
        return place_fail(mapping, err, "expected keys with values, as '%s: …'", allowed[0]);
    return yaml_keys_check(mapping->node, mapping->path, allowed, err);
}

bool
place_optional_text(const Place *place, char **out, Err *err)
{
    *out = NULL;
    if (!place_exists(place))
        return true;
    Text text = text_trim(yaml_text(place->node));
    if (!yaml_is_scalar(place->node) || text_is_empty(text))
        return place_fail(place, err, "expected text here");
    for (size_t i = 0; i < text.length; i++) {
        if ((unsigned char) text.data[i] < 0x20 && text.data[i] != '\n')
            return place_fail(place, err, "holds a control character; write plain text");
    }
    *out = text_duplicate(text);
    return *out != NULL ? true : err_set(err, ERR_NOMEM, "no memory for a price book");
}

bool
place_text(const Place *place, const char *example, char **out, Err *err)
{
    if (!place_exists(place))
        return place_fail(place, err, "is missing; add it, as '%s'", example);
    return place_optional_text(place, out, err);
}

static void
join(const char *const *names, char *out, size_t room)
{
    size_t length = 0;
    out[0] = '\0';
    for (size_t i = 0; names[i] != NULL && length < room; i++) {
        int added = snprintf(out + length, room - length, "%s%s", i == 0 ? "" : ", ", names[i]);
        length += added < 0 ? 0 : (size_t) added;
    }
}

static bool
choose(const Place *place, const char *what, const char *const *names, int *out, Err *err)
{
    Text text = yaml_text(place->node);
    for (int i = 0; names[i] != NULL; i++) {
        if (yaml_is_scalar(place->node) && text_is(text, names[i])) {
            *out = i;
            return true;
        }
    }
    char known[256];
    join(names, known, sizeof(known));
    return place_fail(place, err, "unknown %s '%.*s'; write one of: %s", what, TEXT_ARG(text), known);
}

bool
place_choice(const Place *place, const char *what, const char *const *names, int fallback, int *out, Err *err)
{
    if (place_exists(place))
        return choose(place, what, names, out, err);
    if (fallback >= 0) {
        *out = fallback;
        return true;
    }
    char known[256];
    join(names, known, sizeof(known));
    return place_fail(place, err, "is missing; add it with one of: %s", known);
}

bool
place_choices(const Place *place, const char *what, const char *const *names, unsigned *out, Err *err)
{
    unsigned bits = 0;
    if (!place_exists(place)) {
        for (size_t i = 0; names[i] != NULL; i++)
            bits |= 1u << i;
        *out = bits;
        return true;
    }
    if (!yaml_is_sequence(place->node) || yaml_count(place->node) == 0)
        return place_fail(place, err, "expected a list, as [%s]; leave the key out for all", names[0]);
    for (size_t i = 0; i < yaml_count(place->node); i++) {
        Place item = place_item(place, i);
        int choice = 0;
        if (!choose(&item, what, names, &choice, err))
            return false;
        if ((bits & 1u << choice) != 0)
            return place_fail(&item, err, "'%s' stands twice; remove one", names[choice]);
        bits |= 1u << choice;
    }
    *out = bits;
    return true;
}

bool
place_amount(const Place *place, const char *what, const char *example, mpq_t out, Err *err)
{
    if (!place_exists(place))
        return place_fail(place, err, "is missing; add it, as '%s'", example);
    Text text = yaml_text(place->node);
    Err reason = {0};
    if (!yaml_is_scalar(place->node) || !decimal_parse(text, out, &reason))
        return place_fail(place, err, "'%.*s' is not a decimal number; write digits and a point, as '%s'",
                          TEXT_ARG(text), example);
    if (mpq_sgn(out) < 0)
        return place_fail(place, err, "'%.*s' is negative; %s is 0 or more", TEXT_ARG(text), what);
    return true;
}

bool
place_integer(const Place *place, int64_t minimum, int64_t maximum, int64_t fallback, int64_t *out, Err *err)
{
    *out = fallback;
    if (!place_exists(place))
        return true;
    uint64_t value = 0;
    Text text = yaml_text(place->node);
    if (!text_to_u64(text, (uint64_t) maximum, &value) || (int64_t) value < minimum)
        return place_fail(place, err, "'%.*s' is not allowed; write a whole number from %lld to %lld", TEXT_ARG(text),
                          (long long) minimum, (long long) maximum);
    *out = (int64_t) value;
    return true;
}

bool
place_sequence(const Place *place, size_t maximum, const char *example, size_t *count, Err *err)
{
    if (!place_exists(place))
        return place_fail(place, err, "is missing; add a list, as '%s'", example);
    if (!yaml_is_sequence(place->node) || yaml_count(place->node) == 0)
        return place_fail(place, err, "expected a list of at least one item, as '%s'", example);
    if (yaml_count(place->node) > maximum)
        return place_fail(place, err, "holds %zu items; at most %zu are allowed", yaml_count(place->node), maximum);
    *count = yaml_count(place->node);
    return true;
}
