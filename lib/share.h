/**
 * share - files that ship with the programs: price books, scenarios, migrations
 *
 * Looked for in MILLIBILL_SHARE_ROOT when set, else beside the program: installed (BINDIR/../share/millibill) or in a
 * checkout (build/bin/../..).
 */
#ifndef LIB_SHARE_H
#define LIB_SHARE_H

#include <limits.h>
#include <stdbool.h>

#include "lib/err.h"

/** Path of file (or folder) `name` in `folder` ("rater/books"). `name` may be "" for the folder itself. ERR_NOT_FOUND
 *  names what was looked for. */
MUST_CHECK bool share_path(const char *folder, const char *name, char out[PATH_MAX], Err *err);

/** Is it a path, not a name: has it a '/', or ends it with ".yaml"? */
bool share_is_path(const char *name);

/** A file that a person names: a path as it is, else `folder`/NAME.yaml; ERR_NOT_FOUND
 *  lists the names that are shipped. */
MUST_CHECK bool share_resolve(const char *folder, const char *name, char out[PATH_MAX], Err *err);

/** Absolute path of a program that stands beside this one ("millibill-rater"). */
MUST_CHECK bool share_program(const char *program, char out[PATH_MAX], Err *err);

#endif
