/**
 * config_list - the settings that are lists: collectors, bindings, allow_users, follow
 *
 * Part of config. Readers take the node of the key; writers append the list behind "key: ". Errors: ERR_INPUT with file,
 * line and key; ERR_NOMEM.
 */
#ifndef LIB_CONFIG_LIST_H
#define LIB_CONFIG_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/config.h"
#include "lib/text.h"
#include "lib/yaml.h"

MUST_CHECK bool config_read_collectors(const YamlNode *node, Config *config, Err *err);
MUST_CHECK bool config_read_bindings(const YamlNode *node, Config *config, Err *err);
MUST_CHECK bool config_read_allow_users(const YamlNode *node, Config *config, Err *err);

MUST_CHECK bool config_read_follow(const YamlNode *node, Config *config, Err *err);

MUST_CHECK bool config_write_collectors(const Config *config, Buffer *out, Err *err);
MUST_CHECK bool config_write_bindings(const Config *config, Buffer *out, Err *err);
MUST_CHECK bool config_write_allow_users(const Config *config, Buffer *out, Err *err);
MUST_CHECK bool config_write_follow(const Config *config, Buffer *out, Err *err);

/** One text of an item of the list `setting`: 1 to `room` - 1 bytes; an absent one leaves `out` as it is. */
MUST_CHECK bool
config_read_member(const YamlNode *item, const char *setting, const char *key, char *out, size_t room, Err *err);
/** "KEY: 'VALUE', "; nothing when the value is empty. */
MUST_CHECK bool config_write_member(Buffer *out, const char *key, const char *value, Err *err);
/** A YAML scalar in single quotes. */
MUST_CHECK bool config_write_quoted(Buffer *out, const char *text, Err *err);

#endif
