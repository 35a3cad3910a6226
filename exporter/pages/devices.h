/* What the pages tell of a guest's devices: tables of families.  Pure. */
#ifndef PAGES_DEVICES_H
#define PAGES_DEVICES_H

#define DEVICE_COLUMNS_MAX 8

struct device_table {
    const char *title, *key; /* for people, and in the JSON */
    const char *family;
    const char *columns[DEVICE_COLUMNS_MAX]; /* their titles; closed by NULL */
    const char *labels[DEVICE_COLUMNS_MAX];  /* likewise; the names are the JSON's */
};

extern const struct device_table device_tables[]; /* closed by one without title */

#endif
