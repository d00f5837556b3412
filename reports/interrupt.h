/**
 * interrupt - a report that is told to end ends at once
 *
 * For commands that only read, however long, and put one file in its place at the end: SIGINT and SIGTERM end the process there and then,
 * whatever it computes, with exit status 130 and a line that says that nothing was written; a rater that works for it is told to end too.
 */
#ifndef REPORTS_INTERRUPT_H
#define REPORTS_INTERRUPT_H

#include <sys/types.h>

/** From now on. `command` stands before the message ("millibill savings") and is borrowed. */
void interrupt_ends(const char *command);

/** The process that is told to end too; 0: none. */
void interrupt_child(pid_t child);

/** From now on signals come too late: the work is done, and what remains is a file to put in its place. */
void interrupt_too_late(void);

#endif
