/**
 * agent_rotate - `millibill agent rotate`: a new key for an agent, its streams go on
 */
#ifndef CLI_AGENT_ROTATE_H
#define CLI_AGENT_ROTATE_H

/** Gets argv with argv[0] = "rotate" and returns the exit status. */
int agent_rotate_command(int argc, char **argv);

#endif
