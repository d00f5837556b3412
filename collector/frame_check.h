/**
 * frame_check - are a peer's fields within their limits? Pure.
 *
 * The frame was decoded by proto/wire; here lengths, ranges and texts are checked before anything uses them. Times that a
 * database cannot hold are forgotten (0).
 */
#ifndef COLLECTOR_FRAME_CHECK_H
#define COLLECTOR_FRAME_CHECK_H

#include <stdbool.h>

#include "lib/err.h"
#include "proto/wire.h"

/** ERR_PROTOCOL says what is wrong. */
MUST_CHECK bool frame_check_hello(const Millibill__Hello *hello, Err *err);
MUST_CHECK bool frame_check_batch(Millibill__Batch *batch, Err *err);
MUST_CHECK bool frame_check_settle(const Millibill__Settle *settle, Err *err);

#endif
