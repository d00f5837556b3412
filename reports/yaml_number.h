/**
 * yaml_number - prices and quantities of a YAML file, exactly as they are written
 */
#ifndef REPORTS_YAML_NUMBER_H
#define REPORTS_YAML_NUMBER_H

#include <gmp.h>
#include <stdbool.h>

#include "lib/yaml.h"

/** Member `key`: a decimal number, 0 or more, into `out` (initialised by the caller). `*present` tells whether it stands there;
 *  `present` NULL: it has to. ERR_INPUT "FILE:LINE: KEY: …". */
MUST_CHECK bool yaml_number(const YamlNode *mapping, const char *key, mpq_t out, bool *present, Err *err);

/** The same for one that may be missing, `out` is then as it was, and is above 0 otherwise. */
MUST_CHECK bool yaml_positive(const YamlNode *mapping, const char *key, mpq_t out, Err *err);

#endif
