/**
 * commands - the commands that millibill-report owns; each gets argv with argv[0] = its name and returns the exit status
 */
#ifndef REPORTS_COMMANDS_H
#define REPORTS_COMMANDS_H

int invoice_command(int argc, char **argv);
int invoice_list_command(int argc, char **argv);       /* millibill invoice list */
int invoice_render_command(int argc, char **argv);     /* millibill invoice render */
int invoice_write_offs_command(int argc, char **argv); /* millibill invoice write-offs */
int savings_command(int argc, char **argv);
int free_tier_command(int argc, char **argv);
int usage_command(int argc, char **argv);
int export_command(int argc, char **argv);
int dashboard_command(int argc, char **argv);

#endif
