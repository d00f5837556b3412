#include "lib/log_limit.h"

bool
log_limit_pass(LogLimit *self, int64_t now_us, uint64_t *left_out)
{
    if (self->passed && now_us - self->passed_us < LOG_LIMIT_US) {
        self->left_out++;
        return false;
    }
    *left_out = self->left_out;
    *self = (LogLimit){.passed = true, .passed_us = now_us};
    return true;
}
