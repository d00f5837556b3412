/**
 * close_parts - the steps of closing a month: each fills in its `detail` and leaves the rest in the Close
 */
#ifndef RATER_CLOSE_PARTS_H
#define RATER_CLOSE_PARTS_H

#include "rater/close.h"

/** Until every agent that sent something in the month has reported past its end. ERR_NOT_FOUND: an excepted agent that does not exist;
 *  ERR_BUSY: the time is over. */
MUST_CHECK bool close_wait(Close *self, CloseStep *step, Err *err);

/** Verify the month; the tenants of findings are held back. ERR_DIFFERENCE: some name none. */
MUST_CHECK bool close_verify(Close *self, CloseStep *step, Err *err);

/** Bill usage of earlier months that came after they were closed, of accounts that have no invoice of them: by a final run of that month
 *  for these accounts alone, which is their first invoice of it. What is older than the contract bills is left. */
MUST_CHECK bool close_late(Close *self, CloseStep *step, Err *err);

/** Write the final documents of the month into the folder, in every form, and those of earlier months that closing it made, whenever that was.
 *  ERR_IO, ERR_NOT_FOUND. */
MUST_CHECK bool close_export(Close *self, CloseStep *step, Err *err);

/** Is the command to stop? */
bool close_is_stopped(const Close *self);

bool close_is_held(const Close *self, const char *account);
/** Hold an account back; the first reason stays. ERR_NOMEM. */
MUST_CHECK bool
close_hold(Close *self, CloseStepId step, const char *account, const char *message, const char *hint, Err *err);

#endif
