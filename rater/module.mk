# rater: price books, rating, invoices; knows lib, proto and schema
RATER_SOURCES := $(wildcard rater/*.c)
