#include "reports/figures.h"

#include <stdlib.h>
#include <string.h>

static bool
figure_parse(Json *value, const char *key, mpq_t out, Err *err)
{
    Text digits;
    if (!json_number_text(value, &digits))
        return err_set(err, ERR_INPUT, "'%s' should be a number or a decimal string", key);
    if (!decimal_parse(digits, out, err))
        return err_prefix(err, "'%s': ", key);
    return true;
}

bool
figure_read(Json *object, const char *key, mpq_t out, Err *err)
{
    Json *value = json_member(object, key);
    if (value == NULL)
        return err_set(err, ERR_INPUT, "the member '%s' is missing", key);
    return figure_parse(value, key, out, err);
}

bool
figure_read_optional(Json *object, const char *key, mpq_t out, Err *err)
{
    Json *value = json_member(object, key);
    return value == NULL || figure_parse(value, key, out, err);
}

/* Takes `digits`, which may be NULL when `err` holds why. */
static bool
figure_add_digits(Json *object, const char *key, char *digits, Err *err)
{
    bool done = digits != NULL && json_add_text(object, key, digits, err);
    free(digits);
    return done;
}

bool
figure_add(Json *object, const char *key, const mpq_t value, int scale, Err *err)
{
    return figure_add_digits(object, key, decimal_format(value, scale, ROUND_HALF_UP, err), err);
}

bool
figure_add_exact(Json *object, const char *key, const mpq_t value, Err *err)
{
    return figure_add_digits(object, key, decimal_format_exact(value, err), err);
}

char *
figure_people(const mpq_t value, int scale, Err *err)
{
    char *plain = decimal_format(value, scale, ROUND_HALF_UP, err);
    if (plain == NULL)
        return NULL;
    char *grouped = decimal_group_thousands(plain, err);
    free(plain);
    return grouped;
}

char *
figure_grouped(const char *decimal, Err *err)
{
    if (decimal != NULL && decimal_is_plain(decimal))
        return decimal_group_thousands(decimal, err);
    char *copy = text_duplicate(text_of(decimal));
    if (copy == NULL)
        err_set(err, ERR_NOMEM, "no memory for a figure");
    return copy;
}

/* `least` digits after the point (up to 6), and as many more as show three that say something. */
static int
rate_scale(const mpq_t value, int least)
{
    enum { SCALE_MAX = 12, SIGNIFICANT_FROM = 100 };
    int scale = least;
    mpq_t shifted;
    mpq_t ten;
    mpq_inits(shifted, ten, NULL);
    mpq_set_ui(ten, 10, 1);
    mpq_set(shifted, value);
    for (int i = 0; i < least; i++)
        mpq_mul(shifted, shifted, ten);
    for (; mpq_sgn(value) > 0 && scale < SCALE_MAX && mpq_cmp_ui(shifted, SIGNIFICANT_FROM, 1) < 0; scale++)
        mpq_mul(shifted, shifted, ten);
    mpq_clears(shifted, ten, NULL);
    return scale;
}

char *
figure_rate(const mpq_t value, Err *err)
{
    enum { SCALE = 3 };
    return figure_people(value, rate_scale(value, SCALE), err);
}

bool
figure_add_rate(Json *object, const char *key, const mpq_t value, Err *err)
{
    enum { SCALE = 6 };
    return figure_add(object, key, value, rate_scale(value, SCALE), err);
}

char *
figure_brief(const char *decimal, int scale, Err *err)
{
    mpq_t value;
    if (decimal == NULL || !decimal_is_plain(decimal))
        return figure_grouped(decimal, err);
    mpq_init(value);
    char *grouped = NULL;
    if (decimal_parse(text_of(decimal), value, err))
        grouped = figure_people(value, mpz_cmp_ui(mpq_denref(value), 1) == 0 ? 0 : scale, err);
    mpq_clear(value);
    return grouped;
}
