#include "reports/sentence.h"

#include <stdlib.h>

bool
sentence(Buffer *out, Err *err, const char *format, char *figures[FIGURES_MAX + 1])
{
    Buffer text = {0};
    bool done = true;
    size_t used = 0;
    for (const char *at = format; done && *at != '\0'; at++) {
        bool is_figure = at[0] == '%' && at[1] == 's';
        done = !is_figure || figures[used] != NULL;
        if (done && is_figure)
            done = buffer_append_text(&text, figures[used++], err);
        else if (done)
            done = buffer_append(&text, at, 1, err);
        at += is_figure ? 1 : 0;
    }
    done = done && buffer_append(out, text.data, text.length, err);
    buffer_free(&text);
    for (size_t i = 0; i < FIGURES_MAX; i++)
        free(figures[i]);
    return done || err_set(err, ERR_NOMEM, "no memory for a report");
}
