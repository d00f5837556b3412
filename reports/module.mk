# reports: what people read of usage and bills; knows lib, proto and schema
REPORTS_SOURCES := $(wildcard reports/*.c)
# libxslt and libxml2 for the invoice page, pango and cairo for the PDF, in this part alone
REPORTS_PACKAGES := libxslt libxml-2.0 pangocairo pangoft2 fontconfig
$(OUT)/obj/reports/%: CFLAGS += $(shell pkg-config --cflags $(REPORTS_PACKAGES))
$(OUT)/bin/millibill-report $(OUT)/tests/unit/reports/%: LDLIBS += $(shell pkg-config --libs $(REPORTS_PACKAGES))
