/**
 * status_page - /metrics, /healthz and /readyz: what a collector answers over HTTP
 */
#ifndef COLLECTOR_STATUS_PAGE_H
#define COLLECTOR_STATUS_PAGE_H

#include "collector/health.h"
#include "collector/metrics.h"

typedef struct StatusPage {
    Metrics *metrics; /* all borrowed */
    Health *health;
} StatusPage;

/** An HttpAnswer; `context` is a StatusPage. 200, 404, or 503 with the reason. */
unsigned status_page_answer(void *context, const char *path, Buffer *body);

#endif
