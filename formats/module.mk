# formats: lines of text into usage records, whoever reads them; knows lib and proto
FORMATS_SOURCES := $(wildcard formats/*.c)
