/* Answers that nobody gave. */
#ifndef SOURCE_ANSWER_H
#define SOURCE_ANSWER_H

#include "source/source.h"

/* Of a call that was not even sent, now.  Any thread. */
struct answer answer_unsent(enum failure_kind kind, const char *why);

#endif
