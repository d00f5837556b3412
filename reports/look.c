#include "reports/look.h"

#include <stdlib.h>
#include <string.h>

Look
look_plain(void)
{
    return (Look){.accent_rgb = LOOK_ACCENT_RGB, .logo = "", .name = "", .address = "", .language = "", .foot = ""};
}

static bool
read_paper(const char *text, PaperSize *out, Err *err)
{
    if (strcmp(text, "a4") != 0 && strcmp(text, "letter") != 0)
        return err_set(err, ERR_INPUT, "paper: '%s' is no size of paper; expected a4 or letter", text);
    *out = strcmp(text, "letter") == 0 ? PAPER_LETTER : PAPER_A4;
    return true;
}

static bool
read_color(const char *text, uint32_t *out, Err *err)
{
    char *end = NULL;
    if (text[0] != '#' || strlen(text) != 7 || strspn(text + 1, "0123456789abcdefABCDEF") != 6) {
        err_set(err, ERR_INPUT, "brand_color: '%s' is no colour; expected # and six hexadecimal digits", text);
        return err_hint(err, "as in: brand_color: \"#0b5a55\"");
    }
    *out = (uint32_t) strtoul(text + 1, &end, 16);
    return true;
}

bool
look_read(const Config *config, Look *out, Err *err)
{
    *out = look_plain();
    out->logo = config->brand_logo;
    out->name = config->brand_name;
    out->address = config->brand_address;
    out->foot = config->brand_foot;
    out->language = config->language;
    out->data = config->data;
    return read_paper(config->paper, &out->paper, err) &&
           (config->brand_color[0] == '\0' || read_color(config->brand_color, &out->accent_rgb, err));
}
