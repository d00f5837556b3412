#include "reports/said.h"

#include <stdlib.h>
#include <string.h>

/* A text that was cut must not end within a character. */
static size_t
whole_characters(const char *text, size_t length)
{
    while (length > 0 && !text_is_utf8((Text){text, length}))
        length--;
    return length;
}

Said
said_of(const char *form, const SaidValue *values)
{
    Said self = {.form = form};
    for (size_t i = 0; i < SAID_VALUES_MAX && values[i].text != NULL && self.length < SAID_BYTES; i++) {
        const size_t room = SAID_BYTES - self.length - 1;
        size_t length = strlen(values[i].text);
        if (length > room)
            length = whole_characters(values[i].text, room);
        memcpy(self.values + self.length, values[i].text, length);
        self.values[self.length + length] = '\0';
        self.length += length + 1;
        self.figures |= (unsigned) values[i].is_figure << i;
        self.count++;
    }
    return self;
}

static bool
append_value(const Said *self, unsigned place, const Words *words, Buffer *out, Err *err)
{
    const char *value = self->values;
    if (place >= self->count)
        return true;
    for (unsigned i = 0; i < place; i++)
        value += strlen(value) + 1;
    if (words == NULL || (self->figures >> place & 1) == 0)
        return buffer_append_text(out, value, err);
    char *figure = words_figure(words, text_duplicate(text_of(value)), err);
    bool done = figure != NULL ? buffer_append_text(out, figure, err) : err_set(err, ERR_NOMEM, "no memory for a text");
    free(figure);
    return done;
}

bool
said_append(const Said *self, const Words *words, Buffer *out, Err *err)
{
    const char *form = words == NULL ? self->form : words_say(words, self->form);
    bool done = true;
    while (done && *form != '\0') {
        size_t length = strcspn(form, "{");
        const bool is_place =
            form[length] == '{' && form[length + 1] >= '1' && form[length + 1] <= '9' && form[length + 2] == '}';
        length += !is_place && form[length] == '{' ? 1 : 0;
        done = buffer_append(out, form, length, err) &&
               (!is_place || append_value(self, (unsigned) (form[length + 1] - '1'), words, out, err));
        form += length + (is_place ? 3 : 0);
    }
    return done;
}
