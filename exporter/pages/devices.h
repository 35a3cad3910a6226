/* What the pages tell of a guest's devices: tables of families.  Pure. */
#ifndef PAGES_DEVICES_H
#define PAGES_DEVICES_H

#define DEVICE_COLUMNS_MAX 8

struct device_table {
    const char *title, *key; /* for people, and in the JSON */
    const char *family;
    struct {
        const char *title, *label; /* the label's name is the JSON's */
    } columns[DEVICE_COLUMNS_MAX]; /* closed by an empty one */
};

extern const struct device_table device_tables[]; /* closed by one without title */

#endif
