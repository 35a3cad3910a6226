/* Typed reads of a hostile JSON value.
 *
 * A reading starts at guest_json_root().  What is odd costs what it is part of, and is
 * counted: an optional field of a wrong type reads as left out; a required one that is
 * missing or of a wrong type costs the entry of an array or the optional object that
 * holds it, of which nothing more is read then; where nothing holds it but the reply,
 * and where all entries of a reply are odd, it costs the reply.  `why` names the first,
 * as the guest sent it: "[3].total-bytes: a number expected, a string found".  So a
 * collector reads on without looking; before it makes a sample of an entry it asks
 * guest_json_is_usable(), and in the end guest_json_result().  null reads as a field
 * left out.
 *
 * Values are borrowed from the reply.  The size of a reply and its depth were limited
 * where it was parsed, and nothing here allocates or recurses deeper than the
 * collector's own steps.  Any thread. */
#ifndef KIT_GUEST_JSON_H
#define KIT_GUEST_JSON_H

#include "kit/failure.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum guest_json_need { GUEST_OPTIONAL, GUEST_REQUIRED };

/* What stands for a number that no double holds, in JSON: no reader takes it, whatever
 * it expects, and so it costs what a value of a wrong type does. */
#define GUEST_JSON_TOO_LARGE "[[]]"

struct samples;

/* A value of the reply and the way to it.  Lives on the collector's stack; a child must
 * neither outlive nor overwrite one it was read from.  The members are
 * kit/guest_json.c's.
 */
struct guest_json {
    const json_t *value;
    const struct guest_json *parent;
    const char *key; /* NULL: the entry `index` of an array */
    size_t index;
    struct guest_json *root;
    struct guest_json *holder; /* itself or above: what a required field costs */
    bool failed;               /* of a holder */
    /* Of the root only. */
    struct failure *why;
    size_t odd, entries, odd_entries;
};

void guest_json_root(struct guest_json *root, const json_t *reply, struct failure *why);
/* What parse() returns: 0, or -1 and `why`.  With 0, `out` is told how much was left
 * out (NULL: nobody is), and the text of `why` is the first of it, or as it was before.
 */
int guest_json_result(const struct guest_json *root, struct samples *out);
/* Whether nothing was odd up to now: a sum over entries is wrong without one of them.
 */
bool guest_json_is_whole(const struct guest_json *root);
/* Whether all that was required of the entry so far was there. */
bool guest_json_is_usable(const struct guest_json *entry);

/* The entry `index` of an array; false past the end, or when the array is lost:
 *     for (size_t i = 0; guest_json_entry(&list, i, &entry); i++) */
bool guest_json_entry(const struct guest_json *array, size_t index,
                      struct guest_json *entry);

/* The field `key` of an object.  False if it is not there (or not as it should); then
 * *child is an empty object or array, *value is 0. */
bool guest_json_object(const struct guest_json *object, const char *key,
                       enum guest_json_need need, struct guest_json *child);
bool guest_json_array(const struct guest_json *object, const char *key,
                      enum guest_json_need need, struct guest_json *child);
bool guest_json_number(const struct guest_json *object, const char *key,
                       enum guest_json_need need, double *value);
/* A real with an integer value is taken too: a reply with one integer above INT64_MAX
 * has all its integers read as reals. */
bool guest_json_int64(const struct guest_json *object, const char *key,
                      enum guest_json_need need, int64_t *value);
bool guest_json_bool(const struct guest_json *object, const char *key,
                     enum guest_json_need need, bool *value);
/* Never NULL: "" if it is not there. */
const char *guest_json_string(const struct guest_json *object, const char *key,
                              enum guest_json_need need);

/* The value itself, required, where a reply is nothing but a number. */
bool guest_json_as_int64(const struct guest_json *node, int64_t *value);
/* Likewise a string; never NULL. */
const char *guest_json_as_string(const struct guest_json *node);
/* The string `key` of a reply that parse() has accepted, copied and cut; "" if it is
 * not there. */
void guest_json_copy(const json_t *reply, const char *key, char *buffer, size_t bytes);
/* As a required field of a wrong type: the value is none that the schema knows. */
void guest_json_refuse(const struct guest_json *node, const char *expected);

/* Decimal digits of `value`, for a label; returns `buffer`. */
#define GUEST_JSON_DECIMAL_BYTES 24 /* sign, 19 digits, NUL */
const char *guest_json_decimal(int64_t value, char buffer[GUEST_JSON_DECIMAL_BYTES]);

/* The PCI address `key` as Linux writes it, for joins; "" where it is not there, a part
 * is unknown (-1), or not one of a PCI address. */
#define GUEST_JSON_PCI_BYTES 24 /* 0000:00:06.0; a domain may have 8 digits */
void guest_json_pci_address(const struct guest_json *object, const char *key,
                            char address[GUEST_JSON_PCI_BYTES]);

#endif
