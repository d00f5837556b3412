/**
 * account_service - millibill account service: when an account's service begins and ends
 */
#ifndef CLI_ACCOUNT_SERVICE_H
#define CLI_ACCOUNT_SERVICE_H

int account_service_command(int argc, char **argv);

#endif
