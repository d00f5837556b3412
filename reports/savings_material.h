/**
 * savings_material - everything that a savings report is made of, gathered as it was asked for
 *
 * Usage from the stack's evidence or from a file; the serverless side from the rater, and every alternative that is the same
 * functions too; fleets sized by what ran. Nothing is written anywhere: it can be interrupted at any time.
 */
#ifndef REPORTS_SAVINGS_MATERIAL_H
#define REPORTS_SAVINGS_MATERIAL_H

#include "lib/options.h"
#include "reports/savings.h"

/** What was asked for; texts are borrowed. */
typedef struct SavingsAsked {
    const char *month_text; /* NULL: not given */
    const char *tenant;
    const char *account;
    const char *usage;
    const char *book;
    const char *data;
    OptionList alternatives;
    bool no_free_tier;
    bool fleet;            /* size every type of the catalogue */
    const char *catalogue; /* NULL: the default one */
    FleetRules rules;      /* of it */
} SavingsAsked;

/** Owned. */
typedef struct SavingsMaterial {
    UtcMonth month;
    Json *answer;     /* the rater's */
    Json **documents; /* borrowed from it */
    size_t document_count;
    SavingsUsage usage;
    Alternative *alternatives[OPTION_LIST_MAX + 2];
    size_t alternative_count;
    Catalogue *catalogue;
    FleetPlan *fleet;
} SavingsMaterial;

/** Gather into an empty material, cleared by the caller in any case. ERR_USAGE, ERR_INPUT, ERR_NOT_FOUND, ERR_IO,
 *  ERR_DATABASE, ERR_NOMEM. Tells on standard error what was left out. */
MUST_CHECK bool savings_material_gather(const SavingsAsked *asked, SavingsMaterial *self, Err *err);
void savings_material_clear(SavingsMaterial *self);

/** The comparison of it; borrows `self`. As savings_make(). */
MUST_CHECK SavingsReport *savings_material_compare(const SavingsMaterial *self, Err *err);

#endif
