/**
 * paper_fonts - the fonts of printed pages: Noto Sans with its scripts, Droid Sans Fallback for Chinese and Japanese, Nanum for Korean
 *
 * They are read from the folders of Debian's fonts-noto-core, fonts-noto-mono, fonts-droid-fallback and fonts-nanum and from nowhere else: what a person has
 * installed besides does not change a page.
 */
#ifndef REPORTS_PAPER_FONTS_H
#define REPORTS_PAPER_FONTS_H

#include <pango/pango.h>

#include "lib/err.h"

#define PAPER_FONT "Noto Sans"
#define PAPER_FONT_CODE "Noto Sans Mono"

/** The fonts, found once for the life of the process; borrowed. NULL: ERR_NOT_FOUND, the hint names the package. Not for
 *  several threads. */
MUST_CHECK PangoFontMap *paper_fonts(Err *err);

#endif
