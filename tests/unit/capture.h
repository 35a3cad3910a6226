/* What is written to a stream, for a test to read. */
#ifndef UNIT_CAPTURE_H
#define UNIT_CAPTURE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "unit/cmocka_any.h"

struct capture {
    FILE *stream;
    int saved, file;
};

static inline struct capture
capture_begin(FILE *stream)
{
    struct capture capture = {
        .stream = stream,
        .saved = dup(fileno(stream)),
        .file = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600),
    };

    assert_true(capture.saved >= 0 && capture.file >= 0);
    assert_int_equal(fflush(stream), 0);
    assert_true(dup2(capture.file, fileno(stream)) >= 0);
    return capture;
}

static inline void
capture_end(struct capture capture, char *text, size_t text_bytes)
{
    assert_int_equal(fflush(capture.stream), 0);
    assert_true(dup2(capture.saved, fileno(capture.stream)) >= 0);
    ssize_t length = pread(capture.file, text, text_bytes - 1, 0);

    assert_true(length >= 0);
    text[length] = '\0';
    assert_int_equal(close(capture.saved), 0);
    assert_int_equal(close(capture.file), 0);
}

#endif
