/* A value of a domain's metadata that the user wants as a label of qga_domain_info. */
#ifndef CONFIG_DOMAIN_LABEL_H
#define CONFIG_DOMAIN_LABEL_H

#define DOMAIN_LABELS_MAX 6 /* what METRIC_LABELS_MAX leaves */
#define DOMAIN_LABEL_NAME_BYTES_MAX 64

/* The labels that are always there. */
#define DOMAIN_OWN_LABELS                                                              \
    "uuid", "title", "instance_name", "project", "flavor", "tags", "ostype"

struct domain_label {
    char *name;      /* of the label */
    char *namespace; /* see struct domain_metadata */
    char *path;
};

#endif
