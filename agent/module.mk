# agent: daemon, sources, emitter library; knows lib and proto (no libpq on a worker's host)
EMITTER_SOURCES := agent/emitter/millibill.c
AGENT_SOURCES := $(wildcard agent/*.c)
