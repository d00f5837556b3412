/**
 * look - how documents look: paper, colour and what stands on them of who sends them
 *
 * From the settings `paper` and `brand_*`; see doc/configuration.md.
 */
#ifndef REPORTS_LOOK_H
#define REPORTS_LOOK_H

#include <stdint.h>

#include "lib/config.h"
#include "lib/err.h"
#include "reports/paper.h"

enum { LOOK_ACCENT_RGB = 0x0b5a55 };

/** Texts are borrowed from the configuration; "" where nothing is set. */
typedef struct Look {
    const char *style; /* path of an XSLT stylesheet for html; NULL: the shipped one */
    PaperSize paper;
    uint32_t accent_rgb;
    const char *logo; /* path of a PNG picture */
    const char *name; /* who sends the document, where no contract says it */
    const char *address;
    const char *language; /* where no contract says it */
    const char *data;     /* the stack's directory, where its own languages are; NULL: none */
    const char *foot;     /* at the end of each document: bank details, legal notes */
} Look;

/** The shipped look: A4, no brand. */
Look look_plain(void);

/** The look that the settings give. ERR_INPUT names the setting and what was expected. */
MUST_CHECK bool look_read(const Config *config, Look *out, Err *err);

#endif
