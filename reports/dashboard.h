/**
 * dashboard - a month of one tenant or of all as one document, and as one page that works offline
 *
 * The document (format 1) is what `millibill dashboard --json` prints and what stands in the page. Figures come as decimal texts
 * from the database (schema/dashboard_store.h), and from the reports `free-tier` and `savings`, asked as a person would: the page
 * works out nothing that is money. A page for one tenant names no other.
 */
#ifndef REPORTS_DASHBOARD_H
#define REPORTS_DASHBOARD_H

#include <stdbool.h>

#include "lib/err.h"
#include "lib/json.h"
#include "lib/options.h"
#include "lib/text.h"
#include "lib/utc.h"

enum { DASHBOARD_FORMAT = 1 };

typedef struct DashboardRequest {
    UtcMonth month;
    const char *month_text;         /* as given, or made from month */
    const char *tenant;             /* NULL: all */
    const OptionList *alternatives; /* what savings compares with; none: its default */
    bool no_savings;                /* the sweep over every invocation is the one long step */
    const char *price_book;         /* of free-tier and savings; NULL: their default */
    const char *data;               /* --data, or NULL */
} DashboardRequest;

/** Ask and put together. Caller releases. A report that cannot answer is left out, and `notes` of the document says so; NULL:
 *  the database could not be asked, or memory was refused. */
MUST_CHECK Json *dashboard_document(const DashboardRequest *request, Err *err);

/** The page that shows a document, appended to `out`. Nothing of the document can become markup or script. ERR_NOMEM. */
MUST_CHECK bool dashboard_page(Json *document, Buffer *out, Err *err);

#endif
