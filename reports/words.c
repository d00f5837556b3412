#include "reports/words.h"

#include <glib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/share.h"
#include "lib/text.h"
#include "lib/yaml.h"
#include "reports/figures.h"
#include "reports/said.h"

enum { SEPARATOR_BYTES_MAX = 4 };

const char *const WORDS_ALL[] = {
    "Invoice",
    "Credit note",
    "Void",
    "Preview of an invoice",
    "This is a preview. Its figures change while usage arrives, and it is not to be paid.",
    "Total",
    "Period (UTC, end excluded)",
    "to",
    "Invoice date",
    "Due on",
    "Payment",
    "Account",
    "Refers to",
    "Reason",
    "Seller",
    "Buyer",
    "Your order",
    "Free tier",
    "applied, shared by the account",
    "not applied",
    "Usage",
    "What",
    "Quantity",
    "Free",
    "Billed",
    "Unit",
    "Unit price",
    "Subtotal",
    "To be paid in",
    "at the rate",
    "Functions",
    "Each function's share of the lines above, before rounding.",
    "Function",
    "Where",
    "Memory, MB",
    "Invocations",
    "Errors",
    "GB-seconds",
    "How this can be checked",
    "Price book",
    "Contract",
    "Rounding",
    "Usage counted",
    "all that was received up to receipt",
    "Evidence sealed",
    "seal",
    "seals",
    "head",
    "root and signing key",
    "signing key",
    "its JSON form",
    "Document",
    "SHA-256 of the canonical document that these pages were made from",
    "on demand",
    "provisioned",
    "request",
    "GB-second",
    "month",
    "Requests",
    "Duration",
    "Ephemeral storage above 512 MB",
    "% of",
    "fee for the period",
    "fee for the term",
    "half up",
    "half even",
    "up",
    "down",
    "{1}, {2} digits, each line",
    "{1}, {2} digits, the total",
    NULL,
};

struct Words {
    char language[3];
    GHashTable *texts; /* English to translation */
    char decimal[SEPARATOR_BYTES_MAX + 1];
    char thousands[SEPARATOR_BYTES_MAX + 1];
};

static bool
is_known(Text key)
{
    static const char *const *const lists[] = {WORDS_ALL, WORDS_SAVINGS};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        for (const char *const *word = lists[i]; *word != NULL; word++)
            if (text_is(key, *word))
                return true;
    return false;
}

/* A bit for each place ({1} to {9}) of a text; a place that comes twice counts once. */
static unsigned
places_of(Text text)
{
    unsigned places = 0;
    for (size_t i = 0; i + 2 < text.length; i++)
        if (text.data[i] == '{' && text.data[i + 1] >= '1' && text.data[i + 1] <= '9' && text.data[i + 2] == '}')
            places |= 1U << (text.data[i + 1] - '1');
    return places;
}

static bool
read_separator(const YamlNode *root, const char *key, char out[SEPARATOR_BYTES_MAX + 1], Err *err)
{
    const YamlNode *node = yaml_get(root, key);
    Text text = yaml_text(node);
    if (node == NULL)
        return true;
    if (text.length == 0 || text.length > SEPARATOR_BYTES_MAX)
        return yaml_fail(node, key, err, "is no separator; write one character, as '%s: \".\"'", key);
    snprintf(out, SEPARATOR_BYTES_MAX + 1, "%.*s", TEXT_ARG(text));
    return true;
}

static bool
read_words(Words *self, const YamlNode *root, Err *err)
{
    if (!yaml_is_mapping(root))
        return yaml_fail(root, "language", err, "should be a list of 'English text: translation'");
    for (size_t i = 0; i < yaml_count(root); i++) {
        Text key = yaml_text(yaml_key_at(root, i));
        Text value = yaml_text(yaml_value_at(root, i));
        if (text_is(key, "decimal") || text_is(key, "thousands"))
            continue;
        if (!is_known(key))
            return yaml_fail(yaml_key_at(root, i), "language", err, "'%.*s' stands on no document", TEXT_ARG(key));
        if (places_of(key) != places_of(value))
            return yaml_fail(yaml_value_at(root, i), "language", err,
                             "a translation has the places {1}, {2} … of its text, each of them");
        g_hash_table_insert(self->texts, g_strndup(key.data, key.length), g_strndup(value.data, value.length));
    }
    return read_separator(root, "decimal", self->decimal, err) &&
           read_separator(root, "thousands", self->thousands, err);
}

/* The stack's own file before the shipped one; false: there is none. */
static bool
find_file(const char *language, const char *data, char out[PATH_MAX])
{
    char name[16];
    Err ignored = {0};
    if (strlen(language) != 2 || strspn(language, "abcdefghijklmnopqrstuvwxyz") != 2)
        return false;
    snprintf(name, sizeof(name), "%s.yaml", language);
    if (data != NULL && snprintf(out, PATH_MAX, "%s/languages/%s", data, name) < PATH_MAX && access(out, R_OK) == 0)
        return true;
    return share_path("reports/languages", name, out, &ignored) && access(out, R_OK) == 0;
}

static Words *
words_read(const char *language, const char *data, Err *err)
{
    char path[PATH_MAX];
    Words *self = g_new0(Words, 1);
    self->texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    snprintf(self->language, sizeof(self->language), "en");
    snprintf(self->decimal, sizeof(self->decimal), ".");
    snprintf(self->thousands, sizeof(self->thousands), ",");
    if (!find_file(language, data, path))
        return self;
    snprintf(self->language, sizeof(self->language), "%.2s", language);
    Yaml *yaml = yaml_open(path, err);
    bool done = yaml != NULL && read_words(self, yaml_root(yaml), err);
    yaml_close(&yaml);
    if (done)
        return self;
    g_hash_table_destroy(self->texts);
    g_free(self);
    return NULL;
}

const Words *
words_of(const char *language, const char *data, Err *err)
{
    static GHashTable *all; /* of Words, by language: one thread makes documents */
    if (all == NULL)
        all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Words *words = g_hash_table_lookup(all, language);
    if (words == NULL) {
        words = words_read(language, data, err);
        if (words != NULL)
            g_hash_table_insert(all, g_strdup(language), words);
    }
    return words;
}

const char *
words_say(const Words *self, const char *english)
{
    const char *said = g_hash_table_lookup(self->texts, english);
    return said == NULL ? english : said;
}

char *
words_figure(const Words *self, char *figure, Err *err)
{
    Buffer text = {0};
    bool done = figure != NULL;
    if (figure == NULL || (strcmp(self->decimal, ".") == 0 && strcmp(self->thousands, ",") == 0))
        return figure;
    for (const char *at = figure; done && *at != '\0'; at++)
        done = *at == '.'   ? buffer_append_text(&text, self->decimal, err)
               : *at == ',' ? buffer_append_text(&text, self->thousands, err)
                            : buffer_append(&text, at, 1, err);
    done = done && buffer_append_text(&text, "", err);
    free(figure);
    if (done && text.data != NULL)
        return text.data;
    buffer_free(&text);
    return NULL;
}

/* " 12345.60": what follows "% of", as people read it; anything else as it is. Takes nothing. */
static char *
grouped_rest(const char *rest, Err *err)
{
    const char *figure = rest + strspn(rest, " ");
    if (figure == rest || figure[0] == '\0' || figure[strspn(figure, "-0123456789.")] != '\0')
        return text_duplicate(text_of(rest));
    char *grouped = figure_grouped(figure, err);
    Buffer text = {0};
    if (grouped != NULL && !buffer_printf(&text, err, " %s", grouped))
        buffer_free(&text);
    free(grouped);
    return text.data;
}

/* What the statement writes itself after the title that a contract gives: a figure only follows a percentage. */
char *
words_sentence(const Words *self, const char *english, Err *err)
{
    static const char *const phrases[] = {"% of", "fee for the period", "fee for the term"};
    const char *at = NULL;
    const char *phrase = NULL;
    Buffer text = {0};
    for (size_t i = 0; at == NULL && i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        phrase = phrases[i];
        at = strstr(english, phrase);
    }
    if (at == NULL)
        return text_duplicate(text_of(english));
    char *rest = words_figure(self, grouped_rest(at + strlen(phrase), err), err);
    bool done = rest != NULL && buffer_append(&text, english, (size_t) (at - english), err) &&
                buffer_append_text(&text, words_say(self, phrase), err) && buffer_append_text(&text, rest, err);
    free(rest);
    if (done)
        return text.data;
    buffer_free(&text);
    return NULL;
}

char *
words_rounding(const Words *self, const char *english, Err *err)
{
    static const char *const forms[][2] = {{" digits, each line", "{1}, {2} digits, each line"},
                                           {" digits, the total", "{1}, {2} digits, the total"}};
    Buffer text = {0};
    const char *comma = strstr(english, ", ");
    const char *digits = comma == NULL ? "" : comma + 2;
    const char *rest = digits + strspn(digits, "0123456789");
    for (size_t i = 0; rest != digits && i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (strcmp(rest, forms[i][0]) != 0)
            continue;
        g_autofree char *mode = g_strndup(english, (size_t) (comma - english));
        g_autofree char *count = g_strndup(digits, (size_t) (rest - digits));
        const Said said = said_of(forms[i][1], SAID_WITH(SAID_NAME(words_say(self, mode)), SAID_NAME(count)));
        if (!said_append(&said, self, &text, err))
            buffer_free(&text);
        return text.data;
    }
    return text_duplicate(text_of(english));
}

const char *
words_language(const Words *self)
{
    return self->language;
}
