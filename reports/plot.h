/**
 * plot - lines or bars in a box, in whole numbers, so that paper and screen show the same
 *
 * Places are parts of PLOT_UNITS of the box, from its lower left corner.
 */
#ifndef REPORTS_PLOT_H
#define REPORTS_PLOT_H

#include <stddef.h>

enum { PLOT_UNITS = 10000, PLOT_POINTS_MAX = 128, PLOT_SERIES_MAX = 2, PLOT_LABEL_BYTES = 64 };

typedef struct PlotPoint {
    int x, y;
} PlotPoint;

typedef struct PlotSeries {
    char name[PLOT_LABEL_BYTES];
    PlotPoint points[PLOT_POINTS_MAX];
    size_t count;
} PlotSeries;

typedef struct Plot {
    char title[PLOT_LABEL_BYTES * 6];                     /* what the height says, and the width */
    char top[PLOT_LABEL_BYTES];                           /* the value at the upper edge; the lower one is 0 */
    char left[PLOT_LABEL_BYTES], right[PLOT_LABEL_BYTES]; /* below the ends */
    char middle[PLOT_LABEL_BYTES];                        /* below the mark; "": none */
    int mark;                                             /* where a line stands upright, -1: nowhere */
    PlotSeries series[PLOT_SERIES_MAX];                   /* the first in the accent colour */
    size_t series_count;
    size_t bar_count; /* not 0: bars instead, with the heights of the first series and these labels */
    char bars[PLOT_POINTS_MAX][16];
} Plot;

#endif
