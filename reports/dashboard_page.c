/* The template is made at build (reports/dashboard/assemble.sh) and stands in the program (dashboard_template.S). */
#include <stdlib.h>
#include <string.h>

#include "reports/dashboard.h"

extern const char dashboard_template[];
extern const char dashboard_template_end[];

static const char PLACE[] = "@DATA@";

/* JSON inside of <script type="application/json">: with these three as escapes (they stand inside of strings only) no text of
 * ours ends the element, opens a comment, or begins an entity, whatever parses it. */
static bool
append_safe(Buffer *out, const char *json, Err *err)
{
    for (const char *at = json; *at != '\0';) {
        size_t plain = strcspn(at, "<>&");
        if (!buffer_append(out, at, plain, err))
            return false;
        at += plain;
        if (*at != '\0' && !buffer_printf(out, err, "\\u%04x", (unsigned) *at++))
            return false;
    }
    return true;
}

bool
dashboard_page(Json *document, Buffer *out, Err *err)
{
    size_t length = (size_t) (dashboard_template_end - dashboard_template);
    const char *place = memmem(dashboard_template, length, PLACE, strlen(PLACE));
    if (place == NULL)
        return err_set(err, ERR_INTERNAL, "the page's template has no place for data");
    const char *after = place + strlen(PLACE);
    char *json = json_canonical(document, err);
    bool done = json != NULL && buffer_append(out, dashboard_template, (size_t) (place - dashboard_template), err) &&
                append_safe(out, json, err) &&
                buffer_append(out, after, (size_t) (dashboard_template_end - after), err);
    free(json);
    return done;
}
