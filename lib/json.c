#include "lib/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/output.h"

Json *
json_parse(Text text, Err *err)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    if (tokener == NULL) {
        err_set(err, ERR_NOMEM, "no memory to read JSON");
        return NULL;
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    Json *value = NULL;
    if (text.length > INT32_MAX) {
        err_set(err, ERR_RANGE, "JSON text of %zu bytes is too large", text.length);
    } else {
        value = json_tokener_parse_ex(tokener, text.data, (int) text.length);
        enum json_tokener_error state = json_tokener_get_error(tokener);
        if (state == json_tokener_continue && value == NULL) { /* a bare number needs to see the end */
            value = json_tokener_parse_ex(tokener, "", 1);
            state = json_tokener_get_error(tokener);
        }
        size_t end = json_tokener_get_parse_end(tokener);
        if (state != json_tokener_success || value == NULL)
            err_set(err, ERR_INPUT, "not JSON: %s at byte %zu",
                    state == json_tokener_success ? "no value" : json_tokener_error_desc(state), end + 1);
        else if (end < text.length && text_trim((Text){text.data + end, text.length - end}).length > 0)
            err_set(err, ERR_INPUT, "not JSON: text after the end of the value at byte %zu", end + 1);
        if (err != NULL && err_is_set(err)) {
            json_object_put(value);
            value = NULL;
        }
    }
    json_tokener_free(tokener);
    return value;
}

Json *
json_member(Json *object, const char *key)
{
    Json *value = NULL;
    if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &value))
        return NULL;
    return value;
}

bool
json_text(Json *value, Text *out)
{
    if (!json_object_is_type(value, json_type_string))
        return false;
    *out = (Text){json_object_get_string(value), (size_t) json_object_get_string_len(value)};
    return true;
}

bool
json_number_text(Json *value, Text *out)
{
    if (json_object_is_type(value, json_type_string))
        return json_text(value, out);
    if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
        return false;
    *out =
        text_of(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN)); /* a parsed number keeps its digits */
    return true;
}

Json *
json_new_object(Err *err)
{
    Json *object = json_object_new_object();
    if (object == NULL)
        err_set(err, ERR_NOMEM, "no memory for JSON");
    return object;
}

Json *
json_new_array(Err *err)
{
    Json *array = json_object_new_array();
    if (array == NULL)
        err_set(err, ERR_NOMEM, "no memory for JSON");
    return array;
}

bool
json_add(Json *object, const char *key, Json *value, Err *err)
{
    if (json_object_object_add(object, key, value) == 0)
        return true;
    json_object_put(value);
    return err_set(err, ERR_NOMEM, "no memory for JSON");
}

bool
json_add_slice(Json *object, const char *key, Text value, Err *err)
{
    Json *text = json_object_new_string_len(value.data == NULL ? "" : value.data, (int) value.length);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "no memory for JSON");
    return json_add(object, key, text, err);
}

bool
json_add_text(Json *object, const char *key, const char *value, Err *err)
{
    return value == NULL ? json_add(object, key, NULL, err) : json_add_slice(object, key, text_of(value), err);
}

bool
json_add_int(Json *object, const char *key, int64_t value, Err *err)
{
    Json *number = json_object_new_int64(value);
    return number == NULL ? err_set(err, ERR_NOMEM, "no memory for JSON") : json_add(object, key, number, err);
}

bool
json_add_bool(Json *object, const char *key, bool value, Err *err)
{
    Json *boolean = json_object_new_boolean(value);
    return boolean == NULL ? err_set(err, ERR_NOMEM, "no memory for JSON") : json_add(object, key, boolean, err);
}

bool
json_append(Json *array, Json *value, Err *err)
{
    if (json_object_array_add(array, value) == 0)
        return true;
    json_object_put(value);
    return err_set(err, ERR_NOMEM, "no memory for JSON");
}

bool
json_adopt(Json *object, const char *key, Json *value, bool made, Err *err)
{
    if (made)
        return json_add(object, key, value, err);
    json_object_put(value);
    return false;
}

bool
json_adopt_item(Json *array, Json *value, bool made, Err *err)
{
    if (made)
        return json_append(array, value, err);
    json_object_put(value);
    return false;
}

char *
json_canonical(Json *value, Err *err)
{
    const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    char *copy = text == NULL ? NULL : strdup(text);
    if (copy == NULL)
        err_set(err, ERR_NOMEM, "no memory for JSON");
    return copy;
}

bool
json_print(Json *value, FILE *out, Err *err)
{
    const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE);
    if (text == NULL)
        return err_set(err, ERR_NOMEM, "no memory for JSON");
    if (fprintf(out, "%s\n", text) < 0 || fflush(out) != 0)
        return output_failed(out == stdout ? "to standard output" : "JSON", errno, err);
    return true;
}
