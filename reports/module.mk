# reports: what people read of usage and bills; knows lib, proto and schema
REPORTS_SOURCES := $(wildcard reports/*.c)
# libxslt and libxml2 for the invoice page, pango and cairo for the PDF, in this part alone
REPORTS_PACKAGES := libxslt libxml-2.0 pangocairo pangoft2 fontconfig
$(OUT)/obj/reports/%: CFLAGS += $(shell pkg-config --cflags $(REPORTS_PACKAGES))
$(OUT)/bin/millibill-report $(OUT)/tests/unit/reports/% $(OUT)/tests/fuzz/reports/%: LDLIBS += $(shell pkg-config --libs $(REPORTS_PACKAGES))
# What stands in the dashboard's page, and in the program: Debian's Chart.js (package libjs-chart.js)
CHART_LIBRARY ?= /usr/share/javascript/chart.js/chart.min.js
DASHBOARD_PARTS := $(addprefix reports/dashboard/,assemble.sh page.html page.css page.js)
REPORTS_ASSEMBLED := $(OUT)/obj/reports/dashboard_template.o
