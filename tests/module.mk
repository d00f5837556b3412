# tests: one program for each tests/unit/FOLDER/test_*.c, linked with that folder's objects
UNIT_SOURCES := $(wildcard tests/unit/*/test_*.c)
UNIT_FOLDERS := lib proto formats schema agent collector rater reports cli
FUZZ_SOURCES := $(wildcard tests/fuzz/*/fuzz_*.c)
# Test workers: tests/chaos/*.c are linked with the emitter library alone.
