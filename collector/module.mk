# collector: batches from agents, committed exactly once; knows lib, proto and schema
COLLECTOR_SOURCES := $(wildcard collector/*.c)
