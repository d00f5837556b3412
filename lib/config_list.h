/**
 * config_list - the settings that are lists: collectors, bindings, allow_users
 *
 * Part of config. Readers take the node of the key; writers append the list behind "key: ". Errors: ERR_INPUT with file,
 * line and key; ERR_NOMEM.
 */
#ifndef LIB_CONFIG_LIST_H
#define LIB_CONFIG_LIST_H

#include <stdbool.h>

#include "lib/config.h"
#include "lib/text.h"
#include "lib/yaml.h"

MUST_CHECK bool config_read_collectors(const YamlNode *node, Config *config, Err *err);
MUST_CHECK bool config_read_bindings(const YamlNode *node, Config *config, Err *err);
MUST_CHECK bool config_read_allow_users(const YamlNode *node, Config *config, Err *err);

MUST_CHECK bool config_write_collectors(const Config *config, Buffer *out, Err *err);
MUST_CHECK bool config_write_bindings(const Config *config, Buffer *out, Err *err);
MUST_CHECK bool config_write_allow_users(const Config *config, Buffer *out, Err *err);

/** A YAML scalar in single quotes. */
MUST_CHECK bool config_write_quoted(Buffer *out, const char *text, Err *err);

#endif
