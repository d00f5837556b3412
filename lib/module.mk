# lib: what all parts share; knows nobody
LIB_SOURCES := $(wildcard lib/*.c)
