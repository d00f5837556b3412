/**
 * author - who says so: the name under which a change is kept
 */
#ifndef LIB_AUTHOR_H
#define LIB_AUTHOR_H

enum { AUTHOR_BYTES = 320 };

/** "user@host" of this process, "unknown" for a user without a name. Returns `out`. */
const char *author_write(char out[AUTHOR_BYTES]);

#endif
