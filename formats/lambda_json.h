/**
 * lambda_json - log events out of the JSON that AWS wraps them in
 *
 * Known shapes: a document with "events" (aws logs filter-log-events, get-log-events) or "results" (Logs Insights), an
 * object with "logEvents" (CloudWatch subscription, Firehose), an object with "message" and "timestamp", and an array of
 * any of these. Names are taken with or without '@'. What is none of them holds no events.
 */
#ifndef FORMATS_LAMBDA_JSON_H
#define FORMATS_LAMBDA_JSON_H

#include "formats/decode_lambda.h"
#include "lib/json.h"

/** Called for each event; texts are borrowed from the JSON value. False stops the walk. */
typedef bool (*LambdaEvent)(void *caller, Text message, const LambdaContext *context);

/** Walk through one JSON value. `*events` counts what was found. False when the callback stopped it. */
MUST_CHECK bool lambda_json_walk(Json *value, LambdaEvent event, void *caller, uint64_t *events);

#endif
