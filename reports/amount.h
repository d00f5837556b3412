/**
 * amount - money as printed and as it is
 */
#ifndef REPORTS_AMOUNT_H
#define REPORTS_AMOUNT_H

#include <gmp.h>

/** An amount as printed (rounded, or a sum of rounded amounts) and as it is. */
typedef struct Amount {
    mpq_t printed;
    mpq_t exact;
} Amount;

void amount_init(Amount *self); /* 0 */
void amount_clear(Amount *self);
void amount_set(Amount *self, const Amount *other);
void amount_add(Amount *self, const Amount *other);
/** Take the exact amount, printed half up to `scale` digits. */
void amount_round(Amount *self, const mpq_t exact, int scale);

#endif
