/**
 * commands - the commands that millibill-rater owns; each gets argv with argv[0] = its name and returns the exit status
 */
#ifndef RATER_COMMANDS_H
#define RATER_COMMANDS_H

int quote_command(int argc, char **argv);
int rate_command(int argc, char **argv);
int price_book_command(int argc, char **argv);
int price_book_diff_command(int argc, char **argv);
int verify_command(int argc, char **argv);
int explain_command(int argc, char **argv);
int reconcile_command(int argc, char **argv);
int backfill_command(int argc, char **argv);
int reverse_command(int argc, char **argv);
int contract_command(int argc, char **argv);
int close_command(int argc, char **argv);
int deliver_command(int argc, char **argv);
int alerts_command(int argc, char **argv);
int invoice_command(int argc, char **argv);
int invoice_remake_command(int argc, char **argv); /* millibill invoice remake */

#define RATER_DEFAULT_BOOK "aws-lambda"

#endif
