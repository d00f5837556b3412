/**
 * tenant_login - `millibill tenant login`: a database role that sees one tenant's rows
 */
#ifndef CLI_TENANT_LOGIN_H
#define CLI_TENANT_LOGIN_H

/** Gets argv with argv[0] = "login" and returns the exit status. */
int tenant_login_command(int argc, char **argv);

#endif
