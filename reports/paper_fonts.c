#include "reports/paper_fonts.h"

#include <fontconfig/fontconfig.h>
#include <pango/pangocairo.h>
#include <pango/pangofc-fontmap.h>
#include <stdbool.h>

static const char FONTCONFIG[] = "<?xml version=\"1.0\"?><!DOCTYPE fontconfig SYSTEM \"fonts.dtd\"><fontconfig>"
                                 "<dir>/usr/share/fonts/truetype/noto</dir>"
                                 "<dir>/usr/share/fonts/truetype/droid</dir>"
                                 "<dir>/usr/share/fonts/truetype/nanum</dir>"
                                 "<cachedir>/var/cache/fontconfig</cachedir>"
                                 "<cachedir prefix=\"xdg\">fontconfig</cachedir></fontconfig>";

static bool
has_family(FcConfig *config, const char *family)
{
    FcPattern *wanted = FcPatternBuild(NULL, FC_FAMILY, FcTypeString, family, (char *) NULL);
    FcFontSet *found = wanted == NULL ? NULL : FcFontList(config, wanted, NULL);
    bool has = found != NULL && found->nfont > 0;
    if (found != NULL)
        FcFontSetDestroy(found);
    if (wanted != NULL)
        FcPatternDestroy(wanted);
    return has;
}

static bool
check_families(FcConfig *config, Err *err)
{
    static const struct {
        const char *family;
        const char *package;
    } needed[] = {{PAPER_FONT, "fonts-noto-core"},
                  {PAPER_FONT_CODE, "fonts-noto-mono"},
                  {"Droid Sans Fallback", "fonts-droid-fallback"},
                  {"NanumGothic", "fonts-nanum"}};
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (!has_family(config, needed[i].family)) {
            err_set(err, ERR_NOT_FOUND, "the font '%s' for PDF pages is not installed", needed[i].family);
            return err_hint(err, "apt-get install %s", needed[i].package);
        }
    }
    return true;
}

PangoFontMap *
paper_fonts(Err *err)
{
    static PangoFontMap *fonts;
    if (fonts != NULL)
        return fonts;
    FcConfig *config = FcConfigCreate();
    if (config == NULL || !FcConfigParseAndLoadFromMemory(config, (const FcChar8 *) FONTCONFIG, FcTrue) ||
        !FcConfigBuildFonts(config))
        err_set(err, ERR_IO, "the fonts for PDF pages cannot be read");
    else if (check_families(config, err)) {
        fonts = pango_cairo_font_map_new_for_font_type(CAIRO_FONT_TYPE_FT);
        pango_fc_font_map_set_config(PANGO_FC_FONT_MAP(fonts), config);
        pango_cairo_font_map_set_resolution(PANGO_CAIRO_FONT_MAP(fonts), 72);
    }
    if (config != NULL)
        FcConfigDestroy(config);
    return fonts;
}
