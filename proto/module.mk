# proto: what crosses a process boundary; knows lib
PROTO_SOURCES := $(wildcard proto/*.c)
