/* The value of one option on QEMU's command line: "driver,key=value,key=value", or the
 * same as JSON.  Pure. */
#ifndef SOURCE_QEMU_OPTIONS_H
#define SOURCE_QEMU_OPTIONS_H

#include <stddef.h>

/* Further pairs and longer ones are left out, and JSON that is deeper. */
#define QEMU_OPTIONS_PAIRS_MAX 64
#define QEMU_OPTIONS_DEPTH_MAX 16
#define QEMU_OPTIONS_KEY_BYTES 64
#define QEMU_OPTIONS_VALUE_BYTES_MAX 4096

struct qemu_pair {
    char *key; /* of objects in objects: "file.filename" */
    char *value;
};

struct qemu_options {
    struct qemu_pair *pairs;
    size_t count;
};

/* `implied`: the key of a first value that has none; NULL: there is no such value. */
struct qemu_options qemu_options_read(const char *text, const char *implied);
void qemu_options_clear(struct qemu_options *options);

/* "" if it is not there; of several the last, as QEMU takes it. */
const char *qemu_options_get(const struct qemu_options *options, const char *key);

/* Options of one kind, in their order; further ones are left out. */
#define QEMU_OPTIONS_LIST_MAX 512
struct qemu_options_list {
    struct qemu_options *items;
    size_t count;
};

void qemu_options_list_add(struct qemu_options_list *list, const char *text,
                           const char *implied);
void qemu_options_list_clear(struct qemu_options_list *list);
/* The first with this value, which is not ""; NULL: none.  It holds until the next is
 * added. */
const struct qemu_options *qemu_options_list_find(const struct qemu_options_list *list,
                                                  const char *key, const char *value);

#endif
