/**
 * savings_sheet_parts - what the files that set a savings report share
 */
#ifndef REPORTS_SAVINGS_SHEET_PARTS_H
#define REPORTS_SAVINGS_SHEET_PARTS_H

#include "lib/json.h"
#include "reports/said.h"
#include "reports/sheet.h"

enum { SENTENCE_BYTES = 512 };

/* A report being set. The first failure stays. */
typedef struct SavingsSetting {
    Sheet *sheet;
    const char *currency;
    const Words *words; /* the language that it is set in */
    Err *err;
    bool failed;
} SavingsSetting;

/** A text in the report's language. Borrowed. */
const char *savings_word(const SavingsSetting *self, const char *english);

/** Set a sentence in the report's language; its figures are written already (SAID_NAME). */
void savings_say(SavingsSetting *self, SheetStyle style, const char *form, const SaidValue *values);

/** The same as a text. Caller frees; NULL: failed. */
char *savings_sentence(SavingsSetting *self, const char *form, const SaidValue *values);

/** "1,234.50 USD". Caller frees; NULL: failed. */
char *savings_money(SavingsSetting *self, Json *object, const char *key);

/** A whole number / a quantity with at most `scale` digits after the point, as the language writes it. Caller frees; NULL: failed. */
char *savings_count(SavingsSetting *self, size_t count);
char *savings_brief(SavingsSetting *self, Json *object, const char *key, int scale);

/** A figure of the report with separators; "" where there is none. Caller frees; NULL: failed. */
char *savings_figure(SavingsSetting *self, Json *object, const char *key);

/** A rate of the report, as figure_rate() writes it. Caller frees; NULL: failed. */
char *savings_rate(SavingsSetting *self, Json *object, const char *key);

/** Both sides by load, with the break-even marked; nothing where there is no curve. */
void savings_set_break_even(SavingsSetting *self, Json *alternative);
/** Share of the month by how much ran at a time; of many levels the first. */
void savings_set_histogram(SavingsSetting *self, Json *histogram);
/** The cheapest types of servers, fixed and autoscaled; nothing where none was sized. */
void savings_set_fleet(SavingsSetting *self, Json *fleet);
/** What of the free tier was taken off here, who shares it, and what it is worth; nothing where it was not. */
void savings_set_free_tier(SavingsSetting *self, Json *free_tier);
/** What is better for each function and why, the dearest first. */
void savings_set_verdicts(SavingsSetting *self, Json *verdicts);

#endif
