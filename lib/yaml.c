#include "lib/yaml.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { YAML_DEPTH_MAX = 32, YAML_NODES_MAX = 200000 };

struct YamlNode {
    yaml_node_type_t type;
    int line;
    const Yaml *file;
    Text text;                 /* scalar; the bytes belong to the document */
    size_t count;              /* items or pairs */
    const YamlNode **keys;     /* mapping only */
    const YamlNode **children; /* values or items */
};

struct Yaml {
    char *name;
    Buffer source;
    yaml_document_t document;
    bool has_document;
    YamlNode *nodes; /* nodes[i] mirrors the document's node i + 1 */
    size_t node_count;
};

static bool
parse_document(Yaml *self, Err *err)
{
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0)
        return err_set(err, ERR_NOMEM, "no memory to read %s", self->name);
    yaml_parser_set_input_string(&parser, (const unsigned char *) self->source.data, self->source.length);
    bool done = yaml_parser_load(&parser, &self->document) != 0;
    if (!done) {
        err_set(err, ERR_INPUT, "%s:%zu: not YAML: %s", self->name, parser.problem_mark.line + 1,
                parser.problem == NULL ? "cannot be read" : parser.problem);
    } else {
        self->has_document = true;
        yaml_document_t second;
        if (yaml_parser_load(&parser, &second) != 0) {
            if (yaml_document_get_root_node(&second) != NULL)
                done = err_set(err, ERR_INPUT, "%s: holds more than one YAML document, expected one", self->name);
            yaml_document_delete(&second);
        }
    }
    yaml_parser_delete(&parser);
    return done;
}

static const YamlNode *
node_of(const Yaml *self, int index)
{
    return &self->nodes[index - 1];
}

static bool
mirror_children(Yaml *self, YamlNode *node, const yaml_node_t *from, Err *err)
{
    bool mapping = from->type == YAML_MAPPING_NODE;
    node->count = mapping ? (size_t) (from->data.mapping.pairs.top - from->data.mapping.pairs.start)
                          : (size_t) (from->data.sequence.items.top - from->data.sequence.items.start);
    if (node->count == 0)
        return true;
    node->children = calloc(node->count, sizeof(node->children[0]));
    node->keys = mapping ? calloc(node->count, sizeof(node->keys[0])) : NULL;
    if (node->children == NULL || (mapping && node->keys == NULL))
        return err_set(err, ERR_NOMEM, "no memory to read %s", self->name);
    for (size_t i = 0; i < node->count; i++) {
        if (mapping)
            node->keys[i] = node_of(self, from->data.mapping.pairs.start[i].key);
        node->children[i] =
            node_of(self, mapping ? from->data.mapping.pairs.start[i].value : from->data.sequence.items.start[i]);
    }
    return true;
}

static bool
mirror_nodes(Yaml *self, Err *err)
{
    self->node_count = (size_t) (self->document.nodes.top - self->document.nodes.start);
    if (self->node_count == 0)
        return err_set(err, ERR_INPUT, "%s: is empty", self->name);
    if (self->node_count > YAML_NODES_MAX)
        return err_set(err, ERR_RANGE, "%s: more than %d values", self->name, YAML_NODES_MAX);
    self->nodes = calloc(self->node_count, sizeof(self->nodes[0]));
    if (self->nodes == NULL)
        return err_set(err, ERR_NOMEM, "no memory to read %s", self->name);
    for (size_t i = 0; i < self->node_count; i++) {
        const yaml_node_t *from = &self->document.nodes.start[i];
        YamlNode *node = &self->nodes[i];
        node->type = from->type;
        node->line = (int) from->start_mark.line + 1;
        node->file = self;
        if (from->type == YAML_SCALAR_NODE)
            node->text = (Text){(const char *) from->data.scalar.value, from->data.scalar.length};
        else if (!mirror_children(self, node, from, err))
            return false;
    }
    return true;
}

/* Depth (aliases may make a cycle), duplicate keys, and the size once every alias is followed. */
static bool
check_node(const YamlNode *node, int depth, size_t *visits, Err *err)
{
    if (++*visits > YAML_NODES_MAX)
        return yaml_fail(node, NULL, err, "more than %d values once aliases are followed", YAML_NODES_MAX);
    if (depth > YAML_DEPTH_MAX)
        return yaml_fail(node, NULL, err, "nested deeper than %d levels", YAML_DEPTH_MAX);
    if (node->type == YAML_SCALAR_NODE)
        return true;
    for (size_t i = 0; i < node->count; i++) {
        if (node->keys != NULL) {
            if (node->keys[i]->type != YAML_SCALAR_NODE)
                return yaml_fail(node->keys[i], NULL, err, "a key must be plain text");
            for (size_t j = 0; j < i; j++) {
                if (text_equal(node->keys[i]->text, node->keys[j]->text))
                    return yaml_fail(node->keys[i], NULL, err, "key '%.*s' stands twice, first in line %d",
                                     TEXT_ARG(node->keys[i]->text), node->keys[j]->line);
            }
        }
        if (!check_node(node->children[i], depth + 1, visits, err))
            return false;
    }
    return true;
}

static Yaml *
finish_parse(Yaml *self, Err *err)
{
    size_t visits = 0;
    if (parse_document(self, err) && mirror_nodes(self, err) && check_node(yaml_root(self), 0, &visits, err))
        return self;
    yaml_close(&self);
    return NULL;
}

static Yaml *
new_yaml(const char *name, Err *err)
{
    Yaml *self = calloc(1, sizeof(*self));
    if (self != NULL)
        self->name = strdup(name);
    if (self == NULL || self->name == NULL) {
        err_set(err, ERR_NOMEM, "no memory to read %s", name);
        yaml_close(&self);
    }
    return self;
}

Yaml *
yaml_open(const char *path, Err *err)
{
    Yaml *self = new_yaml(strcmp(path, "-") == 0 ? "standard input" : path, err);
    if (self == NULL)
        return NULL;
    if (!file_read(path, YAML_FILE_BYTES_MAX, &self->source, err)) {
        yaml_close(&self);
        return NULL;
    }
    return finish_parse(self, err);
}

Yaml *
yaml_parse(Text text, const char *name, Err *err)
{
    Yaml *self = new_yaml(name, err);
    if (self == NULL)
        return NULL;
    if (!buffer_append(&self->source, text.data, text.length, err)) {
        yaml_close(&self);
        return NULL;
    }
    return finish_parse(self, err);
}

void
yaml_close(Yaml **self)
{
    if (*self == NULL)
        return;
    for (size_t i = 0; (*self)->nodes != NULL && i < (*self)->node_count; i++) {
        free((*self)->nodes[i].keys);
        free((*self)->nodes[i].children);
    }
    free((*self)->nodes);
    if ((*self)->has_document)
        yaml_document_delete(&(*self)->document);
    buffer_free(&(*self)->source);
    free((*self)->name);
    free(*self);
    *self = NULL;
}

const YamlNode *
yaml_root(const Yaml *self)
{
    return &self->nodes[0];
}

Text
yaml_source(const Yaml *self)
{
    return buffer_text(&self->source);
}

bool
yaml_is_mapping(const YamlNode *node)
{
    return node != NULL && node->type == YAML_MAPPING_NODE;
}

bool
yaml_is_sequence(const YamlNode *node)
{
    return node != NULL && node->type == YAML_SEQUENCE_NODE;
}

bool
yaml_is_scalar(const YamlNode *node)
{
    return node != NULL && node->type == YAML_SCALAR_NODE;
}

size_t
yaml_count(const YamlNode *node)
{
    return node == NULL ? 0 : node->count;
}

const YamlNode *
yaml_item(const YamlNode *sequence, size_t i)
{
    assert(i < sequence->count);
    return sequence->children[i];
}

const YamlNode *
yaml_key_at(const YamlNode *mapping, size_t i)
{
    assert(i < mapping->count && mapping->keys != NULL);
    return mapping->keys[i];
}

const YamlNode *
yaml_value_at(const YamlNode *mapping, size_t i)
{
    return yaml_item(mapping, i);
}

const YamlNode *
yaml_get(const YamlNode *mapping, const char *key)
{
    if (!yaml_is_mapping(mapping))
        return NULL;
    for (size_t i = 0; i < mapping->count; i++) {
        if (text_is(mapping->keys[i]->text, key))
            return mapping->children[i];
    }
    return NULL;
}

Text
yaml_text(const YamlNode *scalar)
{
    return yaml_is_scalar(scalar) ? scalar->text : (Text){"", 0};
}

const char *
yaml_file(const YamlNode *node)
{
    return node->file->name;
}

bool
yaml_fail(const YamlNode *node, const char *field, Err *err, const char *format, ...)
{
    char message[ERR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    bool has_field = field != NULL && field[0] != '\0';
    return err_set(err, ERR_INPUT, "%s:%d: %s%s%s", node->file->name, node->line, has_field ? field : "",
                   has_field ? ": " : "", message);
}

static void
join_names(const char *const *names, char *out, size_t room)
{
    size_t length = 0;
    for (; *names != NULL && length < room; names++) {
        int added = snprintf(out + length, room - length, "%s%s", length > 0 ? ", " : "", *names);
        length += added < 0 ? 0 : (size_t) added;
    }
}

bool
yaml_keys_check(const YamlNode *mapping, const char *field, const char *const *allowed, Err *err)
{
    if (!yaml_is_mapping(mapping))
        return yaml_fail(mapping, field, err, "expected keys with values here");
    for (size_t i = 0; i < mapping->count; i++) {
        const char *const *name = allowed;
        while (*name != NULL && !text_is(mapping->keys[i]->text, *name))
            name++;
        if (*name != NULL)
            continue;
        char known[512] = "";
        join_names(allowed, known, sizeof(known));
        return yaml_fail(mapping->keys[i], field, err, "unknown key '%.*s'; known keys are: %s",
                         TEXT_ARG(mapping->keys[i]->text), known);
    }
    return true;
}

bool
yaml_optional_string(const YamlNode *mapping, const char *key, char **out, Err *err)
{
    const YamlNode *node = yaml_get(mapping, key);
    if (node == NULL)
        return true;
    if (!yaml_is_scalar(node))
        return yaml_fail(node, key, err, "expected text");
    if (!text_is_clean_utf8(node->text) && memchr(node->text.data, '\n', node->text.length) == NULL)
        return yaml_fail(node, key, err, "expected UTF-8 text without control characters");
    char *copy = text_duplicate(node->text);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "no memory to read %s", yaml_file(node));
    free(*out);
    *out = copy;
    return true;
}

bool
yaml_require_string(const YamlNode *mapping, const char *key, char **out, Err *err)
{
    const YamlNode *node = yaml_get(mapping, key);
    if (node == NULL)
        return yaml_fail(mapping, key, err, "is missing");
    if (yaml_is_scalar(node) && node->text.length == 0)
        return yaml_fail(node, key, err, "is empty");
    return yaml_optional_string(mapping, key, out, err);
}

bool
yaml_optional_bool(const YamlNode *mapping, const char *key, bool *out, Err *err)
{
    const YamlNode *node = yaml_get(mapping, key);
    if (node == NULL)
        return true;
    if (text_is(yaml_text(node), "true"))
        *out = true;
    else if (text_is(yaml_text(node), "false"))
        *out = false;
    else
        return yaml_fail(node, key, err, "expected true or false, found '%.*s'", TEXT_ARG(yaml_text(node)));
    return true;
}

bool
yaml_optional_i64(const YamlNode *mapping, const char *key, int64_t minimum, int64_t maximum, int64_t *out, Err *err)
{
    const YamlNode *node = yaml_get(mapping, key);
    if (node == NULL)
        return true;
    Text text = yaml_text(node);
    bool negative = text.length > 0 && text.data[0] == '-';
    Text digits = negative ? (Text){text.data + 1, text.length - 1} : text;
    uint64_t magnitude = 0;
    bool number = text_to_u64(digits, INT64_MAX, &magnitude);
    int64_t value = negative ? -(int64_t) magnitude : (int64_t) magnitude;
    if (!number || value < minimum || value > maximum)
        return yaml_fail(node, key, err, "expected a whole number from %lld to %lld, found '%.*s'", (long long) minimum,
                         (long long) maximum, TEXT_ARG(text));
    *out = value;
    return true;
}
