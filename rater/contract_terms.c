/* contract terms - the terms that a fee for prepaid units pays for. See contract_set.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/harmless.h"
#include "lib/json.h"
#include "lib/options.h"
#include "rater/contract.h"
#include "rater/contract_set.h"
#include "rater/stack.h"
#include "schema/contract_store.h"

static const char PROGRAM[] = "millibill contract terms";

static bool
add_term(Json *array, const ContractRow *row, const ContractEntry *entry, Err *err)
{
    char from[UTC_TEXT_BYTES];
    char until[UTC_TEXT_BYTES];
    Json *term = json_new_object(err);
    return term != NULL && json_append(array, term, err) && json_add_text(term, "tenant", row->tenant, err) &&
           json_add_int(term, "revision", row->revision, err) && json_add_text(term, "name", entry->name, err) &&
           json_add_text(term, "from", utc_format(entry->from_us, from), err) &&
           json_add_text(term, "until", utc_format(entry->until_us, until), err);
}

static bool
take_contract(void *context, const ContractRow *row, Err *err)
{
    char file[64];
    snprintf(file, sizeof file, "contract %.12s", row->sha256);
    Contract *contract = contract_parse(row->source, file, err);
    bool done = contract != NULL;
    for (size_t i = 0; done && i < contract->lists[CONTRACT_PREPAID].count; i++) {
        const ContractEntry *entry = &contract->lists[CONTRACT_PREPAID].all[i];
        done = !entry->whole_term || !entry->has_fee || add_term(context, row, entry, err);
    }
    contract_free(&contract);
    return done;
}

static bool
print_terms(Json *terms, bool json, Err *err)
{
    static const char *const KEYS[] = {"tenant", "name", "from", "until"};
    Buffer out = {0};
    bool done = true;
    for (size_t i = 0; done && !json && i < json_object_array_length(terms); i++) {
        Json *term = json_object_array_get_idx(terms, i);
        const char *texts[4];
        for (size_t k = 0; k < 4; k++)
            texts[k] = json_object_get_string(json_member(term, KEYS[k]));
        done = line_append_harmless(&out, err, "%-20s  %-20s  %s  %s  revision %" PRId64, texts[0], texts[1], texts[2],
                                    texts[3], json_object_get_int64(json_member(term, "revision")));
    }
    if (json)
        done = json_print(terms, stdout, err);
    else if (done)
        done = buffer_print(&out, err);
    buffer_free(&out);
    return done;
}

int
contract_terms_command(int argc, char **argv)
{
    const char *tenant = NULL;
    const char *data = NULL;
    bool json = false;
    const Option table[] = {
        {"tenant", 't', OPTION_TEXT, &tenant, "NAME", "whose; default all"},
        OPTION_JSON(&json),
        OPTION_DATA(&data),
        OPTION_END,
    };
    const CommandLine line = {
        .command = PROGRAM,
        .arguments = "",
        .summary =
            "List the terms of prepaid units with a fee that were billed: tenant, name, first instant and end, in UTC.",
        .detail =
            "Of every revision of a contract under which an invoice has prepaid units by term. An export spreads the fee over them.",
        .options = table,
    };
    OptionsResult result = options_parse(&line, argc, argv, NULL);
    if (result != OPTIONS_RUN)
        return options_exit_status(result);
    Err err = {0};
    Config config;
    Db *db = config_load(data, &config, &err) ? rater_connect_as("millibill_reader", &config, PROGRAM, &err) : NULL;
    Json *terms = db == NULL ? NULL : json_new_array(&err);
    bool done = terms != NULL && contract_store_prepaid(db, tenant, take_contract, terms, &err) &&
                print_terms(terms, json, &err);
    json_object_put(terms);
    db_free(&db);
    return done ? EXIT_SUCCESS : err_report(&err, PROGRAM);
}
