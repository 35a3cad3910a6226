/* Whether a single value of the configuration is one that the exporter can work with;
 * the same for the file and for the command line.  Pure.
 *
 * The checks return NULL, or what is wrong and the remedy, to stand behind the quoted
 * value in a sentence. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

const char *config_check_uri(const char *uri);
const char *config_check_socket_path(const char *path);
const char *config_check_folder(const char *path);
const char *config_check_source_name(const char *name);
const char *config_check_listen_address(const char *address);
const char *config_check_telemetry_path(const char *path);
const char *config_check_label_name(const char *name);
/* {NAMESPACE}ELEMENT/ELEMENT@ATTRIBUTE */
const char *config_check_metadata_path(const char *path);
const char *config_check_profile(const char *name);
const char *config_check_log_level(const char *name);
const char *config_check_log_format(const char *name);

/* Of one of these names, NULL-terminated; else `wrong`. */
const char *config_check_choice(const char *name, const char *const *names,
                                const char *wrong);

/* By value of enum metric_profile, log_level and log_format; NULL-terminated. */
extern const char *const config_profiles[];
extern const char *const config_log_levels[];
extern const char *const config_log_formats[];

#endif
