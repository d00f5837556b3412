/**
 * import_follow - `millibill import --follow`: files that grow, until somebody stops it
 *
 * The same follow_set as in the daemon; batches and marks go through the import socket and change together in the agent's
 * spool. When the agent ends, it is waited for, and reading goes on from the marks that it kept.
 */
#ifndef AGENT_IMPORT_FOLLOW_H
#define AGENT_IMPORT_FOLLOW_H

#include "formats/import_file.h"
#include "lib/config.h"
#include "lib/err.h"

/** Follow the files until SIGINT or SIGTERM. `tenant`: to be registered on first use, NULL none. Format IMPORT_UNKNOWN is
 *  guessed for each file that is there. ERR_USAGE, ERR_INPUT, and as upload_open at the start. */
MUST_CHECK bool import_follow(const char *const *paths, ImportFormat format, const ImportSettings *settings,
                              const char *tenant, const Config *config, Err *err);

#endif
