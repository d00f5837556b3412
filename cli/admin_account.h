/**
 * admin_account - millibill account move|history: tenants change their account from a month on
 */
#ifndef CLI_ADMIN_ACCOUNT_H
#define CLI_ADMIN_ACCOUNT_H

int account_move_command(int argc, char **argv);
int account_history_command(int argc, char **argv);

#endif
