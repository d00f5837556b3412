#include "formats/lambda_json.h"

typedef struct Walk {
    LambdaEvent event;
    void *caller;
    uint64_t *events;
} Walk;

enum { SHAPE_DEPTH_MAX = 4 };

static Text
member_text(Json *object, const char *const *names)
{
    Text text = {"", 0};
    for (; *names != NULL; names++)
        if (json_text(json_member(object, *names), &text))
            return text;
    return (Text){"", 0};
}

static int64_t
member_time(Json *object, const char *const *names)
{
    Text text;
    int64_t time_us = 0;
    for (; *names != NULL; names++) {
        Json *value = json_member(object, *names);
        if (value != NULL && json_number_text(value, &text) && lambda_time_parse(text, &time_us))
            return time_us;
    }
    return USAGE_ABSENT;
}

/* What an object says for itself and for the events in it. */
static LambdaContext
read_context(Json *object, const LambdaContext *outer)
{
    static const char *const TIMES[] = {"timestamp", "@timestamp", "time", NULL};
    static const char *const GROUPS[] = {"logGroup", "logGroupName", "@log", "@logGroup", NULL};
    static const char *const STREAMS[] = {"logStream", "logStreamName", "@logStream", NULL};
    LambdaContext context = {member_time(object, TIMES), member_text(object, GROUPS), member_text(object, STREAMS)};
    if (context.at_us == USAGE_ABSENT)
        context.at_us = outer->at_us;
    if (context.group.length == 0)
        context.group = outer->group;
    if (context.stream.length == 0)
        context.stream = outer->stream;
    return context;
}

static bool walk_value(const Walk *walk, Json *value, const LambdaContext *outer, int depth);

static bool
walk_array(const Walk *walk, Json *array, const LambdaContext *outer, int depth)
{
    size_t count = json_object_array_length(array);
    for (size_t i = 0; i < count; i++)
        if (!walk_value(walk, json_object_array_get_idx(array, i), outer, depth))
            return false;
    return true;
}

/* Logs Insights: a row is [{"field":"@message","value":"…"}, …]. False: not such a row. */
static bool
read_insights_row(Json *row, Text *message, LambdaContext *context)
{
    bool found = false;
    for (size_t i = 0; i < json_object_array_length(row); i++) {
        Json *cell = json_object_array_get_idx(row, i);
        Text field, value;
        if (!json_object_is_type(cell, json_type_object) || !json_text(json_member(cell, "field"), &field) ||
            !json_text(json_member(cell, "value"), &value))
            continue;
        if (text_is(field, "@message")) {
            *message = value;
            found = true;
        } else if (text_is(field, "@timestamp")) {
            if (!lambda_time_parse(value, &context->at_us))
                context->at_us = USAGE_ABSENT;
        } else if (text_is(field, "@log")) {
            context->group = value;
        } else if (text_is(field, "@logStream")) {
            context->stream = value;
        }
    }
    return found;
}

static bool
walk_object(const Walk *walk, Json *object, const LambdaContext *outer, int depth)
{
    static const char *const MESSAGES[] = {"message", "@message", NULL};
    static const char *const LISTS[] = {"events", "logEvents", "results", NULL};
    LambdaContext context = read_context(object, outer);
    for (const char *const *list = LISTS; *list != NULL; list++) {
        Json *events = json_member(object, *list);
        if (events != NULL && json_object_is_type(events, json_type_array))
            return walk_array(walk, events, &context, depth);
    }
    Text message = member_text(object, MESSAGES);
    if (message.length == 0)
        return true;
    ++*walk->events;
    return walk->event(walk->caller, message, &context);
}

static bool
walk_value(const Walk *walk, Json *value, const LambdaContext *outer, int depth)
{
    if (depth == SHAPE_DEPTH_MAX)
        return true;
    if (json_object_is_type(value, json_type_object))
        return walk_object(walk, value, outer, depth + 1);
    if (!json_object_is_type(value, json_type_array))
        return true;
    Text message;
    LambdaContext context = *outer;
    if (read_insights_row(value, &message, &context)) {
        ++*walk->events;
        return walk->event(walk->caller, message, &context);
    }
    return walk_array(walk, value, outer, depth + 1);
}

MUST_CHECK bool
lambda_json_walk(Json *value, LambdaEvent event, void *caller, uint64_t *events)
{
    const LambdaContext nothing = {USAGE_ABSENT, {"", 0}, {"", 0}};
    const Walk walk = {event, caller, events};
    return walk_value(&walk, value, &nothing, 0);
}
