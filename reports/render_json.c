#include "reports/document.h"

bool
render_json(const Document *const *documents, size_t count, const Look *look, Buffer *out, Err *err)
{
    (void) look;
    if (count == 1)
        return buffer_append_text(out, documents[0]->source, err);
    if (!buffer_append(out, "[", 1, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if ((i > 0 && !buffer_append(out, ",\n", 2, err)) || !buffer_append_text(out, documents[i]->source, err))
            return false;
    return buffer_append(out, "]\n", 2, err);
}
