COLLECTOR_SOURCES := $(wildcard collector/*.c)
