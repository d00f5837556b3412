/**
 * orphans - backends that outlived their PostgreSQL server
 *
 * When a server is killed, its backends notice and end; one that is frozen (SIGSTOP, a debugger, a cgroup's freezer) or busy
 * does not, and holds the shared memory that the next server of the folder refuses to share. An orphan is ended only when all
 * of this is so, seen after its pidfd was opened, so that a recycled pid never leads to a stranger:
 *
 *  - its program is called `postgres`, its working directory is the cluster, its user the cluster's owner;
 *  - it calls itself a backend ("postgres: ..."), and its parent is no process of this cluster: its server is gone for good;
 *  - no server of this cluster, whoever started it, is there.
 */
#ifndef CLI_ORPHANS_H
#define CLI_ORPHANS_H

/** End (SIGKILL) the orphans of the cluster in this directory and wait for them, 5 s at most. Returns how many are gone;
 *  what may not be looked at or signalled is left alone, and logged. Call it as the cluster's owner or as root. */
int orphans_end(const char *cluster);

#endif
