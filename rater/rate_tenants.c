#include "rater/rate_tenants.h"

#include <stdlib.h>
#include <string.h>

#include "lib/array.h"
#include "schema/tenant_store.h"

static int
compare_tenants(const void *left, const void *right)
{
    return strcmp(((const RateTenant *) left)->name, ((const RateTenant *) right)->name);
}

static bool
take_tenant(void *context, const TenantRow *row, Err *err)
{
    RateTenants *self = context;
    if (!array_grow(&self->all, &self->capacity, self->count, sizeof *self->all, err))
        return false;
    RateTenant *tenant = &self->all[self->count++];
    *tenant = (RateTenant){.tenant_id = row->tenant_id,
                           .name = arena_pack(self->texts, text_of(row->name)),
                           .period = billing_period_utc(self->month),
                           .has_period = true,
                           .service_start_us = row->service_start_us,
                           .service_end_us = row->service_end_us};
    self->last_id = row->tenant_id > self->last_id ? row->tenant_id : self->last_id;
    tenant->account =
        strcmp(row->name, row->account) == 0 ? tenant->name : arena_pack(self->texts, text_of(row->account));
    return (tenant->name != NULL && tenant->account != NULL) || err_set(err, ERR_NOMEM, "no memory for a tenant");
}

static bool
is_among(const char *account, const char *const *accounts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(account, accounts[i]) == 0)
            return true;
    return false;
}

/* Keep the members of these accounts, or all others. */
static void
keep(RateTenants *self, const char *const *accounts, size_t count, bool members)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (is_among(self->all[i].account, accounts, count) == members)
            self->all[kept++] = self->all[i];
    }
    self->count = kept;
}

void
rate_tenants_leave_out(RateTenants *self, const char *const *accounts, size_t count)
{
    keep(self, accounts, count, false);
}

static bool
list(RateTenants *self, Db *db, const char *moved_before, Err *err)
{
    return moved_before == NULL ? tenant_list_in(db, self->month, take_tenant, self, err)
                                : tenant_list_before(db, self->month, moved_before, take_tenant, self, err);
}

void
rate_tenants_keep(RateTenants *self, const char *const *accounts, size_t count)
{
    keep(self, accounts, count, true);
}

bool
rate_tenants_read(RateTenants *self, Db *db, const char *tenant, UtcMonth month, Err *err)
{
    return rate_tenants_read_before(self, db, tenant, month, NULL, err);
}

bool
rate_tenants_read_before(RateTenants *self, Db *db, const char *tenant, UtcMonth month, const char *moved_before,
                         Err *err)
{
    *self = (RateTenants){.month = month, .texts = arena_new(SIZE_MAX)};
    if (self->texts == NULL)
        return err_set(err, ERR_NOMEM, "no memory for tenants");
    if (!list(self, db, moved_before, err))
        return false;
    qsort(self->all, self->count, sizeof(*self->all), compare_tenants);
    if (tenant == NULL)
        return true;
    const RateTenant *found = rate_tenants_find(self, tenant);
    if (found == NULL) {
        err_set(err, ERR_NOT_FOUND, "there is no tenant '%s'", tenant);
        return err_hint(err, "millibill tenant list shows the names");
    }
    keep(self, (const char *const[]){found->account}, 1, true);
    return true;
}

void
rate_tenants_free(RateTenants *self)
{
    free(self->all);
    arena_free(&self->texts);
    *self = (RateTenants){0};
}

const RateTenant *
rate_tenants_find(const RateTenants *self, const char *name)
{
    const RateTenant key = {.name = name};
    return self->count == 0 ? NULL : bsearch(&key, self->all, self->count, sizeof(key), compare_tenants);
}

static int
compare_text(const void *key, const void *member)
{
    const Text *name = key;
    const char *other = ((const RateTenant *) member)->name;
    int order = strncmp(name->data, other, name->length);
    return order != 0 ? order : -(other[name->length] != '\0');
}

const RateTenant *
rate_tenants_find_text(const RateTenants *self, Text name)
{
    return self->count == 0 ? NULL : bsearch(&name, self->all, self->count, sizeof *self->all, compare_text);
}

RateOptions
rate_options_of(const RateTenant *tenant, int64_t start_us, int64_t end_us, bool free_tier)
{
    return (RateOptions){.month_start_us = start_us,
                         .period_end_us = end_us,
                         .free_tier = free_tier,
                         .service_start_us = tenant == NULL ? 0 : tenant->service_start_us,
                         .service_end_us = tenant == NULL ? 0 : tenant->service_end_us};
}

const RateTenant *
rate_tenants_member(const RateTenants *self, const char *account)
{
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->all[i].account, account) == 0)
            return &self->all[i];
    return NULL;
}

int
rate_tenants_by_account(const void *left, const void *right)
{
    const RateTenant *a = *(const RateTenant *const *) left;
    const RateTenant *b = *(const RateTenant *const *) right;
    int order = strcmp(a->account, b->account);
    return order != 0 ? order : strcmp(a->name, b->name);
}
