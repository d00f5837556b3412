#include "collector/reply.h"

#include <stdio.h>

enum { TEXT_BYTES = 256 };

void
reply_refusal(const Replies *self, const Route *route, const Refused *what, Millibill__RefusalReason reason,
              const char *message)
{
    char text[TEXT_BYTES];
    Millibill__Refusal refusal;
    Millibill__Frame frame = MILLIBILL__FRAME__INIT;
    snprintf(text, sizeof text, "%.*s", TEXT_BYTES - 1, message);
    millibill__refusal__init(&refusal);
    refusal.spool = what->spool;
    refusal.sequence = what->sequence;
    refusal.reason = reason;
    refusal.expected_sequence = what->expected_sequence;
    refusal.message = text;
    frame.kind_case = MILLIBILL__FRAME__KIND_REFUSAL;
    frame.refusal = &refusal;
    metrics_add(self->metrics, (Metric) (METRIC_REFUSED_NOT_GREETED + (int) reason), 1);
    reply_queue_put(self->queue, route, &frame);
}

void
reply_settle_later(const Replies *self, const Route *route, ProtobufCBinaryData import_id, const char *message)
{
    char text[TEXT_BYTES];
    Millibill__Settled settled;
    Millibill__Frame frame = MILLIBILL__FRAME__INIT;
    snprintf(text, sizeof text, "%.*s", TEXT_BYTES - 1, message);
    millibill__settled__init(&settled);
    settled.import_id = import_id;
    settled.message = text;
    frame.kind_case = MILLIBILL__FRAME__KIND_SETTLED;
    frame.settled = &settled;
    reply_queue_put(self->queue, route, &frame);
}
