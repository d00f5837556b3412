/**
 * contract_reader - from the YAML of a contract to its members, each checked at its place
 */
#ifndef RATER_CONTRACT_READER_H
#define RATER_CONTRACT_READER_H

#include "lib/yaml.h"
#include "rater/book_reader.h"
#include "rater/contract.h"

/** Fill a contract whose numbers are initialised. What was read so far is freed with it. ERR_INPUT, ERR_NOMEM. */
MUST_CHECK bool contract_read(const Yaml *yaml, Contract *self, Err *err);

/** The six lists of entries. The zone must be there: dates become instants. */
MUST_CHECK bool contract_read_lists(const Place *root, Contract *self, Err *err);

/** Fill seller, buyer, payment and language from the members of a contract. ERR_INPUT, ERR_NOMEM. */
MUST_CHECK bool contract_read_papers(const Place *root, Contract *self, Err *err);

/** A name: small letters, digits, '.', '_', '-', at most 64. */
MUST_CHECK bool contract_read_name(const Place *place, char **out, Err *err);
/** A day of the contract's calendar that may be absent: then `*out` stays. */
MUST_CHECK bool contract_read_day(const Place *place, const Contract *contract, int64_t *out_us, Err *err);

#endif
