/**
 * mix - numbers and ids that look random and are the same every time
 */
#ifndef AGENT_MIX_H
#define AGENT_MIX_H

#include <stdint.h>

enum { MIX_ID_BYTES = 37 };

/** A well-mixed 64-bit number for each input (SplitMix64's finisher: a bijection). */
uint64_t mix(uint64_t value);

/** A UUID (version 4) for each key and index: 36 characters and a NUL. */
void mix_id(const uint64_t key[2], uint64_t index, char out[MIX_ID_BYTES]);

#endif
