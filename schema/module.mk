# schema: the database, the only SQL; knows lib and proto
SCHEMA_SOURCES := $(wildcard schema/*.c)
