#include "collector/status_page.h"

#include <string.h>

#include "lib/utc.h"

enum { HTTP_OK = 200, HTTP_NOT_FOUND = 404, HTTP_ERROR = 500, HTTP_UNAVAILABLE = 503 };

static unsigned
answer_health(bool well, const char *why, Buffer *body)
{
    Err err = {0};
    bool said = well ? buffer_append_text(body, "ok\n", &err) : buffer_printf(body, &err, "%s\n", why);
    return !said ? HTTP_ERROR : well ? HTTP_OK : HTTP_UNAVAILABLE;
}

unsigned
status_page_answer(void *context, const char *path, Buffer *body)
{
    const StatusPage *self = context;
    char why[HEALTH_TEXT_BYTES] = "";
    Err err = {0};
    if (strcmp(path, "/metrics") == 0)
        return metrics_render(self->metrics, body, &err) ? HTTP_OK : HTTP_ERROR;
    if (strcmp(path, "/healthz") == 0)
        return answer_health(health_is_alive(self->health, utc_monotonic_us(), why), why, body);
    if (strcmp(path, "/readyz") == 0)
        return answer_health(health_is_ready(self->health, utc_monotonic_us(), why), why, body);
    return HTTP_NOT_FOUND;
}
