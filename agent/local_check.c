#include "agent/local_check.h"

#include "proto/usage_batch.h"

/* A user that is bound to a tenant brings in records of that tenant and no other. */
static bool
speaks_for(const BindingPeer *who, Text tenant, Err *err)
{
    if (!who->bound || text_equal(tenant, who->tenant))
        return true;
    err_set(err, ERR_DENIED, "user %lu may speak for tenant '%.*s' only, not for '%.*s'", (unsigned long) who->uid,
            TEXT_ARG(who->tenant), TEXT_ARG(tenant));
    return err_hint(err, "take the other tenant's records out, or change `bindings` in the agent's millibill.yaml");
}

bool
local_check_begin(const BindingPeer *who, const Millibill__Begin *begin, Err *err)
{
    for (size_t i = 0; i < begin->n_introduce_tenants; i++)
        if (!speaks_for(who, text_of(begin->introduce_tenants[i]), err))
            return false;
    return true;
}

static bool
batch_speaks_for(const UsageBatch *batch, const BindingPeer *who, Err *err)
{
    bool allowed = true;
    for (size_t i = 0; allowed && who->bound && i < usage_batch_records(batch); i++) {
        UsageRecord record;
        usage_batch_record(batch, i, &record);
        allowed = speaks_for(who, record.tenant, err);
    }
    for (size_t i = 0; allowed && i < usage_batch_rejected(batch); i++) {
        UsageRejected rejected;
        usage_batch_rejected_at(batch, i, &rejected);
        allowed = text_is_empty(rejected.tenant) || speaks_for(who, rejected.tenant, err);
    }
    for (size_t i = 0; allowed && i < usage_batch_losses(batch); i++) {
        UsageLoss loss;
        usage_batch_loss_at(batch, i, &loss);
        allowed = text_is_empty(loss.tenant) || speaks_for(who, loss.tenant, err);
    }
    return allowed;
}

bool
local_check_batch(const BindingPeer *who, const ProtobufCBinaryData *payload, uint64_t *records, Err *err)
{
    UsageBatch *batch = usage_batch_unpack(payload->data, payload->len, err);
    if (batch == NULL)
        return err_prefix(err, "the import socket got a batch that is none: ");
    *records = usage_batch_records(batch) + usage_batch_rejected(batch);
    bool allowed = batch_speaks_for(batch, who, err);
    usage_batch_free(&batch);
    return allowed;
}
