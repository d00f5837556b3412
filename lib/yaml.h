/**
 * yaml - libyaml documents with the line of every value
 *
 * Price books, scenarios, alternatives and settings are read through here. A semantic mistake ("negative price")
 * needs the line it stands on, which libyaml's document keeps. Scalars are text: a price never becomes a double.
 * Anchors and aliases work; duplicate keys, several documents and depth over 32 are errors.
 */
#ifndef LIB_YAML_H
#define LIB_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"
#include "lib/text.h"

typedef struct Yaml Yaml;         /* a parsed file; owns all nodes */
typedef struct YamlNode YamlNode; /* borrowed from its Yaml */

enum { YAML_FILE_BYTES_MAX = 4 << 20 };

/** Read and parse a file ("-": standard input). Caller frees with yaml_close(). NULL: ERR_IO, ERR_INPUT
 *  "FILE:LINE: ...". */
MUST_CHECK Yaml *yaml_open(const char *path, Err *err);
/** Parse text; `name` stands for the file in messages. */
MUST_CHECK Yaml *yaml_parse(Text text, const char *name, Err *err);
void yaml_close(Yaml **self);
const YamlNode *yaml_root(const Yaml *self);
Text yaml_source(const Yaml *self); /* the bytes as read, borrowed */

bool yaml_is_mapping(const YamlNode *node);
bool yaml_is_sequence(const YamlNode *node);
bool yaml_is_scalar(const YamlNode *node);
size_t yaml_count(const YamlNode *node);                       /* pairs or items; 0 for a scalar or NULL */
const YamlNode *yaml_item(const YamlNode *sequence, size_t i); /* i < yaml_count */
const YamlNode *yaml_key_at(const YamlNode *mapping, size_t i);
const YamlNode *yaml_value_at(const YamlNode *mapping, size_t i);
const YamlNode *yaml_get(const YamlNode *mapping, const char *key); /* NULL when absent; mapping may be NULL */
Text yaml_text(const YamlNode *scalar);                             /* empty for NULL and non-scalars */
const char *yaml_file(const YamlNode *node);

/** Set ERR_INPUT "FILE:LINE: FIELD: message" at this node. Returns false. */
bool yaml_fail(const YamlNode *node, const char *field, Err *err, const char *format, ...) PRINTF_LIKE(4, 5);

/** Is every key of the mapping among `allowed` (NULL-terminated)? Otherwise an error that names the unknown key, its line
 *  and the keys that are known. Also fails if the node is not a mapping. */
MUST_CHECK bool yaml_keys_check(const YamlNode *mapping, const char *field, const char *const *allowed, Err *err);

/** Required or optional scalar members. A missing required one is an error at the mapping's line; an optional one
 *  leaves `*out` untouched. Texts are copied (caller frees with free()). */
MUST_CHECK bool yaml_require_string(const YamlNode *mapping, const char *key, char **out, Err *err);
MUST_CHECK bool yaml_optional_string(const YamlNode *mapping, const char *key, char **out, Err *err);
MUST_CHECK bool yaml_optional_bool(const YamlNode *mapping, const char *key, bool *out, Err *err);
MUST_CHECK bool
yaml_optional_i64(const YamlNode *mapping, const char *key, int64_t minimum, int64_t maximum, int64_t *out, Err *err);

#endif
