/**
 * contract_set - give a contract to a tenant, and show what it has and had: millibill contract set | show | history | terms
 */
#ifndef RATER_CONTRACT_SET_H
#define RATER_CONTRACT_SET_H

int contract_set_command(int argc, char **argv);
int contract_show_command(int argc, char **argv);
int contract_history_command(int argc, char **argv);
int contract_terms_command(int argc, char **argv);

#endif
