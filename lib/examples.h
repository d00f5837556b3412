/**
 * examples - what `millibill COMMAND --help` shows at its end: the command as it is used, one or more lines for each
 *
 * All of them stand in one table, so that they can be read together; a test takes each line apart and looks for its options.
 */
#ifndef LIB_EXAMPLES_H
#define LIB_EXAMPLES_H

/** The lines for a command as typed ("millibill invoice list"), each indented and ended; NULL: it has none. */
const char *examples_of(const char *command);

#endif
