/* Typed reads of a hostile JSON value, with the path of the field in every failure. */
#include "kit/guest_json.h"

#include "kit/samples.h"

#include <stdio.h>
#include <string.h>

/* Room for a path of our own keys and indices; a failure text holds more. */
#define PATH_BYTES 160

/* GUEST_JSON_TOO_LARGE */
static bool
guest_json_is_too_large(const json_t *value)
{
    const json_t *entry = json_array_get(value, 0);

    return json_array_size(value) == 1 && json_is_array(entry) &&
           json_array_size(entry) == 0;
}

static const char *
guest_json_type_name(const json_t *value)
{
    if (!value)
        return "nothing";
    if (guest_json_is_too_large(value))
        return "a number that is too large";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a real";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

/* Returns the length so far; what does not fit is cut. */
static size_t
guest_json_path(const struct guest_json *node, char path[PATH_BYTES])
{
    if (!node->parent) {
        path[0] = '\0';
        return 0;
    }
    size_t length = guest_json_path(node->parent, path);
    size_t room = PATH_BYTES - length;
    int wanted;
    if (node->key)
        wanted =
            snprintf(path + length, room, "%s%s", length > 0 ? "." : "", node->key);
    else
        wanted = snprintf(path + length, room, "[%zu]", node->index);
    if (wanted < 0)
        return length;
    return (size_t)wanted < room ? length + (size_t)wanted : PATH_BYTES - 1;
}

/* Counts it; the first is told. */
static void
guest_json_note(const struct guest_json *node, const char *expected)
{
    char path[PATH_BYTES];

    if (node->root->odd++ > 0)
        return;
    guest_json_path(node, path);
    failure_set(node->root->why, FAILURE_WRONG_SHAPE, "%s: %s expected, %s found",
                path[0] != '\0' ? path : "return", expected,
                guest_json_type_name(node->value));
}

/* Costs what holds it. */
static void
guest_json_fail(const struct guest_json *node, const char *expected)
{
    struct guest_json *holder = node->holder;

    if (holder->failed)
        return;
    holder->failed = true;
    if (holder->parent == holder->root && !holder->key)
        holder->root->odd_entries++;
    guest_json_note(node, expected);
}

void
guest_json_root(struct guest_json *root, const json_t *reply, struct failure *why)
{
    *root =
        (struct guest_json){.value = reply, .root = root, .holder = root, .why = why};
}

int
guest_json_result(const struct guest_json *root, struct samples *out)
{
    bool none_left = root->entries > 0 && root->odd_entries == root->entries;

    if (root->failed || none_left)
        return -1;
    if (root->odd > 0)
        root->why->kind = FAILURE_NONE;
    if (out)
        samples_left_out(out, root->odd);
    return 0;
}

bool
guest_json_is_whole(const struct guest_json *root)
{
    return root->odd == 0;
}

bool
guest_json_is_usable(const struct guest_json *entry)
{
    return !entry->holder->failed;
}

bool
guest_json_entry(const struct guest_json *array, size_t index, struct guest_json *entry)
{
    *entry = (struct guest_json){
        .parent = array, .index = index, .root = array->root, .holder = entry};
    if (array->holder->failed || !array->value)
        return false;
    if (!json_is_array(array->value)) {
        guest_json_fail(array, "an array");
        return false;
    }
    entry->value = json_array_get(array->value, index);
    if (!entry->value)
        return false;
    array->root->entries += array == array->root;
    return true;
}

/* The field, whatever its type; false if it is not there.  `expected` names the type,
 * for what is told of a required one. */
static bool
guest_json_field(const struct guest_json *object, const char *key,
                 enum guest_json_need need, const char *expected,
                 struct guest_json *child)
{
    *child = (struct guest_json){
        .parent = object, .key = key, .root = object->root, .holder = object->holder};
    if (object->holder->failed || !object->value)
        return false;
    if (!json_is_object(object->value)) {
        guest_json_fail(object, "an object");
        return false;
    }
    child->value = json_object_get(object->value, key);
    if (child->value && !json_is_null(child->value))
        return true;
    if (need == GUEST_REQUIRED)
        guest_json_fail(child, expected);
    child->value = NULL;
    return false;
}

/* A wrong type; false for the caller to return. */
static bool
guest_json_wrong(struct guest_json *child, enum guest_json_need need,
                 const char *expected)
{
    if (need == GUEST_REQUIRED)
        guest_json_fail(child, expected);
    else
        guest_json_note(child, expected);
    child->value = NULL;
    return false;
}

bool
guest_json_object(const struct guest_json *object, const char *key,
                  enum guest_json_need need, struct guest_json *child)
{
    if (!guest_json_field(object, key, need, "an object", child))
        return false;
    if (need == GUEST_OPTIONAL)
        child->holder = child;
    return json_is_object(child->value) || guest_json_wrong(child, need, "an object");
}

bool
guest_json_array(const struct guest_json *object, const char *key,
                 enum guest_json_need need, struct guest_json *child)
{
    if (!guest_json_field(object, key, need, "an array", child))
        return false;
    return json_is_array(child->value) || guest_json_wrong(child, need, "an array");
}

bool
guest_json_number(const struct guest_json *object, const char *key,
                  enum guest_json_need need, double *value)
{
    struct guest_json child;

    *value = 0;
    if (!guest_json_field(object, key, need, "a number", &child))
        return false;
    if (!json_is_number(child.value))
        return guest_json_wrong(&child, need, "a number");
    *value = json_number_value(child.value);
    return true;
}

#define AN_INTEGER "an integer below 2^63"

static bool
guest_json_integer(const json_t *found, int64_t *value)
{
    *value = 0;
    if (json_is_integer(found)) {
        *value = json_integer_value(found);
        return true;
    }
    /* -2^63 and 2^63 are exact as doubles; the conversion is defined only between. */
    double real = json_is_real(found) ? json_real_value(found) : 0.5;
    if (real < -0x1p63 || real >= 0x1p63 || (double)(int64_t)real != real)
        return false;
    *value = (int64_t)real;
    return true;
}

bool
guest_json_as_int64(const struct guest_json *node, int64_t *value)
{
    if (guest_json_integer(node->value, value))
        return true;
    guest_json_fail(node, AN_INTEGER);
    return false;
}

const char *
guest_json_as_string(const struct guest_json *node)
{
    if (!json_is_string(node->value)) {
        guest_json_fail(node, "a string");
        return "";
    }
    return json_string_value(node->value);
}

void
guest_json_refuse(const struct guest_json *node, const char *expected)
{
    guest_json_fail(node, expected);
}

bool
guest_json_int64(const struct guest_json *object, const char *key,
                 enum guest_json_need need, int64_t *value)
{
    struct guest_json child;

    *value = 0;
    if (!guest_json_field(object, key, need, "an integer", &child))
        return false;
    return guest_json_integer(child.value, value) ||
           guest_json_wrong(&child, need, AN_INTEGER);
}

bool
guest_json_bool(const struct guest_json *object, const char *key,
                enum guest_json_need need, bool *value)
{
    struct guest_json child;

    *value = false;
    if (!guest_json_field(object, key, need, "a boolean", &child))
        return false;
    if (!json_is_boolean(child.value))
        return guest_json_wrong(&child, need, "a boolean");
    *value = json_is_true(child.value);
    return true;
}

const char *
guest_json_string(const struct guest_json *object, const char *key,
                  enum guest_json_need need)
{
    struct guest_json child;

    if (!guest_json_field(object, key, need, "a string", &child))
        return "";
    if (!json_is_string(child.value)) {
        guest_json_wrong(&child, need, "a string");
        return "";
    }
    return json_string_value(child.value);
}

const char *
guest_json_decimal(int64_t value, char buffer[GUEST_JSON_DECIMAL_BYTES])
{
    (void)snprintf(buffer, GUEST_JSON_DECIMAL_BYTES, "%lld", (long long)value);
    return buffer;
}

void
guest_json_copy(const json_t *reply, const char *key, char *buffer, size_t bytes)
{
    const char *value = json_string_value(json_object_get(reply, key));

    snprintf(buffer, bytes, "%s", value ? value : "");
}

void
guest_json_pci_address(const struct guest_json *object, const char *key,
                       char address[GUEST_JSON_PCI_BYTES])
{
    struct guest_json pci;
    int64_t domain, bus, slot, function;

    address[0] = '\0';
    if (!guest_json_object(object, key, GUEST_OPTIONAL, &pci) ||
        !guest_json_int64(&pci, "domain", GUEST_REQUIRED, &domain) ||
        !guest_json_int64(&pci, "bus", GUEST_REQUIRED, &bus) ||
        !guest_json_int64(&pci, "slot", GUEST_REQUIRED, &slot) ||
        !guest_json_int64(&pci, "function", GUEST_REQUIRED, &function))
        return;
    if (domain < 0 || domain > 0xffffffff || bus < 0 || bus > 0xff || slot < 0 ||
        slot > 0x1f || function < 0 || function > 7)
        return;
    (void)snprintf(address, GUEST_JSON_PCI_BYTES, "%04x:%02x:%02x.%x",
                   (unsigned int)domain, (unsigned int)bus, (unsigned int)slot,
                   (unsigned int)function);
}
