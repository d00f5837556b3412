#include "lib/decimal.h"

#include <stdlib.h>
#include <string.h>

enum { DECIMAL_EXPONENT_MAX = 30, DECIMAL_EXACT_CUT = 20, DECIMAL_SCALE_MAX = 60 };

/* A number as it was written: its digits without sign and point, and where the point stands. */
typedef struct Digits {
    char digits[DECIMAL_DIGITS_MAX + 1];
    int count;
    int scale; /* digits behind the point, less the exponent; may be negative */
    bool negative;
} Digits;

static bool
not_a_number(Text text, Err *err)
{
    return err_set(err, ERR_INPUT, "'%.*s' is not a decimal number", (int) (text.length > 80 ? 80 : text.length),
                   text.data == NULL ? "" : text.data);
}

/* The exponent behind 'e': a sign and at most two digits. */
static bool
read_exponent(const char *at, const char *end, int *exponent)
{
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    uint64_t value = 0;
    if (!text_to_u64((Text){at, (size_t) (end - at)}, DECIMAL_EXPONENT_MAX, &value))
        return false;
    *exponent = negative ? -(int) value : (int) value;
    return true;
}

static bool
read_digits(Text text, Digits *out, Err *err)
{
    *out = (Digits){0};
    const char *at = text.data;
    const char *end = text.data + text.length;
    bool point = false;
    int seen = 0;
    int exponent = 0;
    if (at < end && *at == '-') {
        out->negative = true;
        at++;
    }
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.' && !point && seen > 0) {
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9')
            return not_a_number(text, err);
        if (++seen > DECIMAL_DIGITS_MAX)
            return err_set(err, ERR_RANGE, "a number of more than %d digits", DECIMAL_DIGITS_MAX);
        out->digits[out->count++] = *at;
        out->scale += point ? 1 : 0;
    }
    if (seen == 0 || at[-1] == '.')
        return not_a_number(text, err);
    if (at < end && !read_exponent(at + 1, end, &exponent))
        return not_a_number(text, err);
    out->scale -= exponent;
    return true;
}

/* value * 10^power as a rational, power of either sign. */
static void
scale_by_power(mpq_t value, int power)
{
    mpz_t factor;
    mpz_init(factor);
    mpz_ui_pow_ui(factor, 10, (unsigned long) abs(power));
    mpz_mul(power >= 0 ? mpq_numref(value) : mpq_denref(value), power >= 0 ? mpq_numref(value) : mpq_denref(value),
            factor);
    mpq_canonicalize(value);
    mpz_clear(factor);
}

bool
decimal_parse(Text text, mpq_t out, Err *err)
{
    Digits digits;
    if (!read_digits(text, &digits, err))
        return false;
    if (mpz_set_str(mpq_numref(out), digits.digits, 10) != 0)
        return not_a_number(text, err);
    mpz_set_ui(mpq_denref(out), 1);
    if (digits.negative)
        mpz_neg(mpq_numref(out), mpq_numref(out));
    scale_by_power(out, -digits.scale);
    return true;
}

/* The common case without GMP: at most 18 digits in all. */
static bool
scaled_fast(const Digits *digits, int scale, RoundingMode mode, int64_t *out, bool *exact)
{
    int shift = scale - digits->scale;
    if (digits->count > 18 || shift > 18 || shift < -18 || digits->count + shift > 18)
        return false;
    int64_t value = 0;
    for (int i = 0; i < digits->count; i++)
        value = value * 10 + (digits->digits[i] - '0');
    for (; shift > 0; shift--)
        value *= 10;
    int64_t divisor = 1;
    for (; shift < 0; shift++)
        divisor *= 10;
    int64_t rest = value % divisor;
    value /= divisor;
    bool half = rest * 2 > divisor || (rest * 2 == divisor && (mode == ROUND_HALF_UP || value % 2 == 1));
    if (rest > 0 && (mode == ROUND_UP || (mode != ROUND_DOWN && half)))
        value++;
    *exact = rest == 0;
    *out = digits->negative ? -value : value;
    return true;
}

static bool
scaled_slow(Text text, int scale, RoundingMode mode, int64_t *out, bool *exact, Err *err)
{
    mpq_t value, rounded;
    mpq_inits(value, rounded, NULL);
    bool done = decimal_parse(text, value, err);
    if (done) {
        scale_by_power(value, scale);
        mpq_set(rounded, value);
        decimal_round(rounded, 0, mode);
        *exact = mpq_equal(value, rounded) != 0;
        done = mpz_fits_slong_p(mpq_numref(rounded)) != 0;
        if (done)
            *out = mpz_get_si(mpq_numref(rounded));
        else
            err_set(err, ERR_RANGE, "'%.*s' is too large", TEXT_ARG(text));
    }
    mpq_clears(value, rounded, NULL);
    return done;
}

bool
decimal_parse_scaled(Text text, int scale, RoundingMode mode, int64_t *out, bool *exact, Err *err)
{
    Digits digits;
    bool is_exact = true;
    if (!read_digits(text, &digits, err))
        return false;
    if (!scaled_fast(&digits, scale, mode, out, &is_exact) && !scaled_slow(text, scale, mode, out, &is_exact, err))
        return false;
    if (exact != NULL)
        *exact = is_exact;
    return true;
}

/* Does |rest| / divisor round the quotient away from zero? rest is not negative, odd is the quotient's parity. */
static bool
rounds_away(const mpz_t rest, const mpz_t divisor, bool odd, RoundingMode mode)
{
    if (mpz_sgn(rest) == 0 || mode == ROUND_DOWN)
        return false;
    if (mode == ROUND_UP)
        return true;
    mpz_t twice;
    mpz_init(twice);
    mpz_mul_ui(twice, rest, 2);
    int order = mpz_cmp(twice, divisor);
    mpz_clear(twice);
    return order > 0 || (order == 0 && (mode == ROUND_HALF_UP || odd));
}

/* value * 10^scale rounded to a whole number. */
static void
scaled_integer(mpz_t out, const mpq_t value, int scale, RoundingMode mode)
{
    mpz_t magnitude, rest, factor;
    mpz_inits(magnitude, rest, factor, NULL);
    mpz_ui_pow_ui(factor, 10, (unsigned long) scale);
    mpz_abs(magnitude, mpq_numref(value));
    mpz_mul(magnitude, magnitude, factor);
    mpz_tdiv_qr(out, rest, magnitude, mpq_denref(value));
    if (rounds_away(rest, mpq_denref(value), mpz_odd_p(out) != 0, mode))
        mpz_add_ui(out, out, 1);
    if (mpq_sgn(value) < 0)
        mpz_neg(out, out);
    mpz_clears(magnitude, rest, factor, NULL);
}

void
decimal_round(mpq_t value, int scale, RoundingMode mode)
{
    mpz_t whole;
    mpz_init(whole);
    scaled_integer(whole, value, scale, mode);
    mpq_set_z(value, whole);
    scale_by_power(value, -scale);
    mpz_clear(whole);
}

/* Digits of a whole number with a point `scale` digits from the right. */
static char *
place_point(const mpz_t whole, int scale, Err *err)
{
    size_t digit_room = mpz_sizeinbase(whole, 10) + 2;
    size_t room = digit_room + (size_t) scale + 4;
    char *digits = malloc(digit_room);
    char *out = malloc(room);
    if (digits == NULL || out == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a number");
        free(digits);
        free(out);
        return NULL;
    }
    mpz_t magnitude;
    mpz_init(magnitude);
    mpz_abs(magnitude, whole);
    mpz_get_str(digits, 10, magnitude);
    mpz_clear(magnitude);
    size_t count = strlen(digits);
    size_t at = 0;
    if (mpz_sgn(whole) < 0)
        out[at++] = '-';
    size_t fraction = (size_t) scale;
    size_t before = count > fraction ? count - fraction : 0;
    if (before == 0)
        out[at++] = '0';
    memcpy(out + at, digits, before);
    at += before;
    if (fraction > 0) {
        out[at++] = '.';
        for (size_t zeros = fraction > count ? fraction - count : 0; zeros > 0; zeros--)
            out[at++] = '0';
        memcpy(out + at, digits + before, count - before);
        at += count - before;
    }
    out[at] = '\0';
    free(digits);
    return out;
}

char *
decimal_format(const mpq_t value, int scale, RoundingMode mode, Err *err)
{
    mpz_t whole;
    mpz_init(whole);
    scaled_integer(whole, value, scale, mode);
    char *text = place_point(whole, scale, err);
    mpz_clear(whole);
    return text;
}

/* Digits that a fraction needs to end, or -1 when it does not (or needs more than DECIMAL_SCALE_MAX). */
static int
ending_scale(const mpq_t value)
{
    mpz_t rest;
    mpz_init_set(rest, mpq_denref(value));
    mpz_t factor;
    mpz_init_set_ui(factor, 2);
    unsigned long twos = mpz_remove(rest, rest, factor);
    mpz_set_ui(factor, 5);
    unsigned long fives = mpz_remove(rest, rest, factor);
    bool ends = mpz_cmp_ui(rest, 1) == 0;
    mpz_clears(rest, factor, NULL);
    unsigned long scale = twos > fives ? twos : fives;
    return ends && scale <= DECIMAL_SCALE_MAX ? (int) scale : -1;
}

char *
decimal_format_exact(const mpq_t value, Err *err)
{
    int scale = ending_scale(value);
    if (scale >= 0)
        return decimal_format(value, scale, ROUND_HALF_UP, err);
    char *text = decimal_format(value, DECIMAL_EXACT_CUT, ROUND_HALF_UP, err);
    return text;
}

void
decimal_floor(mpz_t out, const mpq_t value)
{
    mpz_fdiv_q(out, mpq_numref(value), mpq_denref(value));
}

void
decimal_set_i64(mpq_t out, int64_t value)
{
    mpq_set_si(out, (long) value, 1);
}

void
decimal_set_u128(mpz_t out, unsigned __int128 value)
{
    mpz_set_ui(out, (unsigned long) (value >> 64));
    mpz_mul_2exp(out, out, 64);
    mpz_add_ui(out, out, (unsigned long) value);
}

char *
decimal_group_thousands(const char *number, Err *err)
{
    size_t length = strlen(number);
    char *out = malloc(length + length / 3 + 2);
    if (out == NULL) {
        err_set(err, ERR_NOMEM, "no memory for a number");
        return NULL;
    }
    size_t start = number[0] == '-' ? 1 : 0;
    size_t whole = strcspn(number + start, ".");
    size_t at = 0;
    memcpy(out, number, start);
    at = start;
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = number[start + i];
    }
    memcpy(out + at, number + start + whole, length - start - whole + 1);
    return out;
}

/* ISO 4217:2015 table A.1: currencies whose minor unit is not 2 digits. */
static const struct {
    char code[4];
    int scale;
} CURRENCY_SCALES[] = {
    {"BHD", 3}, {"BIF", 0}, {"CLF", 4}, {"CLP", 0}, {"DJF", 0}, {"GNF", 0}, {"IQD", 3}, {"ISK", 0}, {"JOD", 3},
    {"JPY", 0}, {"KMF", 0}, {"KRW", 0}, {"KWD", 3}, {"LYD", 3}, {"OMR", 3}, {"PYG", 0}, {"RWF", 0}, {"TND", 3},
    {"UGX", 0}, {"UYI", 0}, {"UYW", 4}, {"VND", 0}, {"VUV", 0}, {"XAF", 0}, {"XOF", 0}, {"XPF", 0},
};

int
currency_scale(const char *iso_code)
{
    for (size_t i = 0; i < sizeof(CURRENCY_SCALES) / sizeof(CURRENCY_SCALES[0]); i++) {
        if (strcmp(CURRENCY_SCALES[i].code, iso_code) == 0)
            return CURRENCY_SCALES[i].scale;
    }
    return 2;
}

bool
decimal_is_plain(const char *text)
{
    size_t start = text[0] == '-' ? 1 : 0;
    size_t digits = strspn(text + start, "0123456789");
    size_t end = start + digits;
    if (text[end] == '.')
        end += 1 + strspn(text + end + 1, "0123456789");
    return digits > 0 && text[end] == '\0';
}
