# cli: the millibill command, the embedded stack, administration; starts the other programs
CLI_SOURCES := $(wildcard cli/*.c)
