#include "reports/amount.h"

#include "lib/decimal.h"

void
amount_init(Amount *self)
{
    mpq_inits(self->printed, self->exact, NULL);
}

void
amount_clear(Amount *self)
{
    mpq_clears(self->printed, self->exact, NULL);
}

void
amount_set(Amount *self, const Amount *other)
{
    mpq_set(self->printed, other->printed);
    mpq_set(self->exact, other->exact);
}

void
amount_add(Amount *self, const Amount *other)
{
    mpq_add(self->printed, self->printed, other->printed);
    mpq_add(self->exact, self->exact, other->exact);
}

void
amount_round(Amount *self, const mpq_t exact, int scale)
{
    mpq_set(self->exact, exact);
    mpq_set(self->printed, exact);
    decimal_round(self->printed, scale, ROUND_HALF_UP);
}
