#include "rater/rate_adjust.h"

#include <stdlib.h>
#include <string.h>

#include "rater/rate_report.h"
#include "rater/rate_write.h"
#include "schema/invoice_store.h"

bool
rate_adjust_read(RateMonth *self, Err *err)
{
    const RateRequest *request = self->request;
    return request->inside ||
           adjust_bases_changed(&self->changed, self->db, request->tenant, request->month, self->watermark, err);
}

static int64_t
late_months(const RateMonth *self, const RateTenant *tenant)
{
    const RateContract *contract = rate_contracts_find(&self->contracts, tenant->tenant_id);
    return contract == NULL || contract->contract == NULL ? -1 : contract->contract->late_months;
}

bool
rate_adjust_plan(RateMonth *self, const RateTenant *tenant, AdjustPlan *plan, Err *err)
{
    int64_t existing = INT64_MAX;
    const AdjustRun run = {self->db, &self->members, &self->changed, self->request->month, self->watermark};
    *plan = (AdjustPlan){.tenant = tenant};
    if (self->request->dry_run && !rate_final_id(self, tenant->tenant_id, &existing, err))
        return false;
    bool done = existing != INT64_MAX ? adjust_plan_of_invoice(plan, self->db, &self->members, tenant, existing, err)
                                      : adjust_plan_make(plan, &run, tenant, late_months(self, tenant), err);
    return done || err_prefix(err, "tenant '%s': an earlier period cannot be rated again: ", tenant->name);
}

bool
rate_adjust_waits(const RateMonth *self, const RateTenant *tenant)
{
    size_t first = adjust_bases_first(&self->changed, tenant->tenant_id);
    return first < self->changed.count && self->changed.all[first].tenant_id == tenant->tenant_id;
}

static const char *
text_of_member(Json *document, const char *object, const char *key)
{
    return json_object_get_string(json_member(json_member(document, object), key));
}

static bool
report_note(RateMonth *self, const RateTenant *tenant, Json *note, bool final, Err *err)
{
    RateOutcome *outcome = rate_outcome_add(self, tenant->account, tenant->name, err);
    if (outcome == NULL)
        return false;
    outcome->is_credit_note = true;
    outcome->is_final = final;
    const char *number = text_of_member(note, "invoice", "number");
    if (self->request->documents)
        outcome->document = json_object_get(note);
    return rate_report_keep(self, &outcome->number, number, err) &&
           rate_report_keep(self, &outcome->currency, text_of_member(note, "payable", "currency"), err) &&
           rate_report_keep(self, &outcome->total, text_of_member(note, "payable", "total"), err);
}

static bool
is_final(const RateMonth *self)
{
    return self->request->final && !self->request->dry_run;
}

bool
rate_adjust_notes(RateMonth *self, AdjustPlan *plan, Err *err)
{
    const RateRequest *request = self->request;
    return !is_final(self) || adjust_plan_write_notes(plan, self->db, request->config, request->month.year, err);
}

bool
rate_adjust_report(RateMonth *self, const RateTenant *tenant, const AdjustPlan *plan, Err *err)
{
    bool done = true;
    for (size_t i = 0; done && i < plan->count; i++)
        done = plan->events[i].credit_note == NULL ||
               report_note(self, tenant, plan->events[i].credit_note, is_final(self), err);
    return done;
}

bool
rate_adjust_write(RateMonth *self, const AdjustPlan *plan, const char *number, Err *err)
{
    return !is_final(self) || adjust_plan_write(plan, self->db, number, err);
}
