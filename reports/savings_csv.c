/* A savings report as rows of a CSV file. */
#include <stdio.h>

#include "lib/harmless.h"
#include "reports/document.h"
#include "reports/savings_sheet.h"

static const char HEADER[] = "section,subject,what,quantity,unit,unit_price,amount,currency\r\n";

enum { WHAT_BYTES = 192 };

typedef struct Rows {
    Buffer *out;
    const char *currency;
    Err *err;
} Rows;

static bool
row(const Rows *self, const char *const cells[7])
{
    for (size_t i = 0; i < 7; i++)
        if (!csv_append_cell(self->out, cells[i], false, self->err))
            return false;
    return csv_append_cell(self->out, self->currency, true, self->err);
}

static bool
figure_row(const Rows *self, const char *section, const char *subject, const char *what, const char *quantity,
           const char *unit, const char *amount)
{
    const char *const cells[7] = {section, subject, what, quantity, unit, "", amount};
    return row(self, cells);
}

static bool
cost_rows(const Rows *self, const char *section, const char *subject, Json *list, const char *name)
{
    bool done = true;
    for (size_t i = 0; done && i < document_length(list); i++) {
        Json *item = json_object_array_get_idx(list, i);
        const char *const cells[7] = {section,
                                      subject[0] == '\0' ? document_member(item, "tenant") : subject,
                                      document_member(item, name),
                                      document_member(item, "quantity"),
                                      document_member(item, "unit"),
                                      document_member(item, "unit_price"),
                                      document_member(item, "amount")};
        done = row(self, cells);
    }
    return done;
}

/* What contracts add and take, and whether it is compared. */
static bool
term_rows(const Rows *self, Json *terms)
{
    bool done = true;
    for (size_t i = 0; done && i < document_length(terms); i++) {
        Json *term = json_object_array_get_idx(terms, i);
        bool compared = json_object_get_boolean(json_member(term, "compared"));
        done = figure_row(self, compared ? "contract" : "not compared", document_member(term, "tenant"),
                          document_member(term, "description"), "", "", document_member(term, "amount"));
    }
    return done;
}

/* What of the free tier was taken off, by tenant. */
static bool
free_tier_rows(const Rows *self, Json *free_tier)
{
    Json *tiers = json_member(free_tier, "tiers");
    bool taken_off = json_object_get_boolean(json_member(free_tier, "taken_off"));
    bool done = true;
    for (size_t i = 0; done && taken_off && i < document_length(tiers); i++) {
        Json *tier = json_object_array_get_idx(tiers, i);
        done = figure_row(self, "free tier", document_member(tier, "tenant"), "used", document_member(tier, "used"),
                          document_member(tier, "unit"), "") &&
               figure_row(self, "free tier", document_member(tier, "tenant"), "used by the account",
                          document_member(tier, "account_used"), document_member(tier, "unit"), "");
    }
    return done &&
           (!taken_off || figure_row(self, "free tier", "", "worth", "", "", document_member(free_tier, "value")));
}

static bool
alternative_rows(const Rows *self, Json *alternative)
{
    static const char *const figures[][3] = {{"utilization_percent", "utilization", "%"},
                                             {"idle_hours", "idle", "hours"},
                                             {"saving_percent", "saving in percent", "%"},
                                             {"break_even_requests_per_second", "break-even", "requests a second"},
                                             {"requests_per_second", "requests now", "requests a second"}};
    const char *name = document_member(alternative, "name");
    Json *range = json_member(alternative, "range");
    bool done = cost_rows(self, "alternative", name, json_member(alternative, "items"), "what") &&
                figure_row(self, "comparison", name, "total", "", "", document_member(alternative, "total")) &&
                figure_row(self, "comparison", name, "saving", "", "", document_member(alternative, "saving")) &&
                figure_row(self, "comparison", name, "lowest saving", "", "", document_member(range, "saving_low")) &&
                figure_row(self, "comparison", name, "highest saving", "", "", document_member(range, "saving_high")) &&
                figure_row(self, "comparison", name, "idle cost", "", "", document_member(alternative, "idle_amount"));
    for (size_t i = 0; done && i < sizeof(figures) / sizeof(figures[0]); i++)
        done = figure_row(self, "comparison", name, figures[i][1], document_member(alternative, figures[i][0]),
                          figures[i][2], "");
    return done;
}

static bool
histogram_rows(const Rows *self, Json *histogram)
{
    bool done = true;
    Buffer what = {0};
    for (size_t i = 0; done && i < document_length(histogram); i++) {
        Json *bar = json_object_array_get_idx(histogram, i);
        buffer_clear(&what);
        done = buffer_printf(&what, self->err, "%s to %s at a time", document_member(bar, "from"),
                             document_member(bar, "to")) &&
               figure_row(self, "concurrency", "", what.data, document_member(bar, "seconds"), "seconds", "");
    }
    buffer_free(&what);
    return done;
}

static bool
verdict_rows(const Rows *self, Json *verdicts)
{
    bool done = true;
    for (size_t i = 0; done && i < document_length(verdicts); i++) {
        Json *verdict = json_object_array_get_idx(verdicts, i);
        Json *reasons = json_member(verdict, "reasons");
        const char *function = document_member(verdict, "function");
        done = figure_row(self, "verdict", function, document_member(verdict, "verdict"), "", "",
                          document_member(verdict, "cost_exact"));
        for (size_t r = 0; done && r < document_length(reasons); r++)
            done = figure_row(self, "reason", function, json_object_get_string(json_object_array_get_idx(reasons, r)),
                              "", "", "");
    }
    return done;
}

/* ---- fleets ---- */

/* One type in one mode ("t3.small, unlimited"), with the currency of its catalogue. */
typedef struct FleetRows {
    Rows rows;
    const char *subject;
} FleetRows;

static bool
fleet_row(const FleetRows *self, const char *what, const char *quantity, const char *unit, const char *price,
          const char *amount)
{
    const char *const cells[7] = {"fleet", self->subject, what, quantity, unit, price, amount};
    return row(&self->rows, cells);
}

/* How the credits lasted: a row for each figure that there is, none for types without credits. */
static bool
credit_rows(const FleetRows *self, const char *kind, Json *credits)
{
    static const char *const figures[][3] = {{"short_hours", "hours without CPU credits", "hours"},
                                             {"short_seconds", "time without CPU credits", "seconds"},
                                             {"lacking_vcpu_hours", "CPU time that was lacking", "vCPU-hours"},
                                             {"charged_vcpu_hours", "CPU time charged beyond credits", "vCPU-hours"}};
    char what[WHAT_BYTES];
    bool done = true;
    for (size_t i = 0; done && credits != NULL && i < sizeof(figures) / sizeof(figures[0]); i++) {
        (void) snprintf(what, sizeof(what), "%s, %s", kind, figures[i][1]);
        if (json_member(credits, figures[i][0]) != NULL)
            done = fleet_row(self, what, document_member(credits, figures[i][0]), figures[i][2], "", "");
    }
    return done;
}

static bool
fixed_rows(const FleetRows *self, Json *fixed)
{
    char what[WHAT_BYTES];
    Json *prices = json_member(fixed, "prices");
    const char *instances = document_member(fixed, "instances");
    bool done = true;
    for (size_t i = 0; done && i < document_length(prices); i++) {
        Json *price = json_object_array_get_idx(prices, i);
        (void) snprintf(what, sizeof(what), "fixed, %s%s", document_member(price, "purchase"),
                        json_object_get_boolean(json_member(price, "estimated")) ? ", estimated" : "");
        done = fleet_row(self, what, instances, "instances", document_member(price, "hourly"),
                         document_member(price, "total"));
    }
    return done &&
           fleet_row(self, "fixed, lowest", document_member(fixed, "instances_without_headroom"), "instances", "",
                     document_member(fixed, "low")) &&
           fleet_row(self, "fixed, highest", instances, "instances", "", document_member(fixed, "high")) &&
           credit_rows(self, "fixed", json_member(fixed, "credits"));
}

static bool
scaled_rows(const FleetRows *self, Json *scaled)
{
    static const char *const figures[][3] = {{"instances_mean", "autoscaled, mean", "instances"},
                                             {"instances_most", "autoscaled, most", "instances"},
                                             {"waited", "autoscaled, requests that waited", "requests"},
                                             {"refused", "autoscaled, requests refused", "requests"},
                                             {"longest_wait_seconds", "autoscaled, longest wait", "seconds"},
                                             {"hours_with_waiting", "autoscaled, hours with waiting", "hours"}};
    bool done = fleet_row(self, "autoscaled", document_member(scaled, "instance_hours"), "instance hours", "",
                          document_member(scaled, "total")) &&
                fleet_row(self, "autoscaled, lowest", "", "", "", document_member(scaled, "low")) &&
                fleet_row(self, "autoscaled, highest", "", "", "", document_member(scaled, "high"));
    for (size_t i = 0; done && i < sizeof(figures) / sizeof(figures[0]); i++)
        done = fleet_row(self, figures[i][1], document_member(scaled, figures[i][0]), figures[i][2], "", "");
    return done && credit_rows(self, "autoscaled", json_member(scaled, "credits"));
}

static bool
fleet_rows(const Rows *self, Json *fleet)
{
    char subject[WHAT_BYTES];
    char what[WHAT_BYTES * 2];
    Json *types = json_member(fleet, "types");
    const char *currency = document_member(json_member(fleet, "catalogue"), "currency");
    bool done = true;
    for (size_t i = 0; done && i < document_length(types); i++) {
        Json *type = json_object_array_get_idx(types, i);
        const char *burst = document_member(type, "burst");
        (void) snprintf(subject, sizeof(subject), "%s%s%s", document_member(type, "type"), burst[0] == '\0' ? "" : ", ",
                        burst);
        const FleetRows rows = {{self->out, currency, self->err}, subject};
        if (json_object_get_boolean(json_member(type, "fits"))) {
            done = fixed_rows(&rows, json_member(type, "fixed")) && scaled_rows(&rows, json_member(type, "autoscaled"));
        } else {
            (void) snprintf(what, sizeof(what), "would not do: %s", document_member(type, "reason"));
            done = fleet_row(&rows, what, "", "", "", "");
        }
    }
    return done;
}

bool
savings_csv(Json *report, Buffer *out, Err *err)
{
    const Rows rows = {out, document_member(report, "currency"), err};
    Json *serverless = json_member(report, "serverless");
    Json *alternatives = json_member(report, "alternatives");
    Json *concurrency = json_member(report, "concurrency");
    bool done = buffer_append_text(out, HEADER, err) &&
                cost_rows(&rows, "serverless", "", json_member(serverless, "lines"), "description") &&
                term_rows(&rows, json_member(serverless, "terms")) &&
                cost_rows(&rows, "serverless", "extras", json_member(serverless, "extras"), "what") &&
                figure_row(&rows, "comparison", "serverless", "total", "", "", document_member(serverless, "total"));
    done = done && free_tier_rows(&rows, json_member(report, "free_tier"));
    for (size_t i = 0; done && i < document_length(alternatives); i++)
        done = alternative_rows(&rows, json_object_array_get_idx(alternatives, i));
    return done &&
           figure_row(&rows, "concurrency", "", "mean", document_member(concurrency, "mean"), "executions", "") &&
           figure_row(&rows, "concurrency", "", "peak", document_member(concurrency, "peak"), "executions", "") &&
           histogram_rows(&rows, json_member(concurrency, "histogram")) &&
           fleet_rows(&rows, json_member(report, "fleet")) && verdict_rows(&rows, json_member(report, "verdicts"));
}
