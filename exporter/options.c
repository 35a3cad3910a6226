/* The table of flags, and the command line read by it. */
#include "options.h"

#include "base/file.h"
#include "base/suggest.h"
#include "base/text.h"
#include "config/check.h"
#include "help.h"
#include "yaml/tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef QGA_SYSCONFDIR
#error "the Makefile defines QGA_SYSCONFDIR"
#endif

#define CONFIG_FILE QGA_SYSCONFDIR "/qga-exporter.yml"
#define WEB_CONFIG_FILE QGA_SYSCONFDIR "/qga-exporter-web.yml"
#define PROGRAM "qga-exporter"
#define DOCTOR "doctor"
/* Of the doctor and --once: their own words say what is wrong. */
#define WALK_LOG_LEVEL "error"
#define NAME_BYTES 64
#define KNOWN_BYTES_MAX 4096
#define ON "--collector."
#define OFF "--no-collector."

enum flag_id {
    FLAG_CONFIG_FILE,
    FLAG_CONFIG_CHECK,
    FLAG_LIBVIRT_URI,
    FLAG_LISTEN_ADDRESS,
    FLAG_SYSTEMD_SOCKET,
    FLAG_TELEMETRY_PATH,
    FLAG_WEB_CONFIG_FILE,
    FLAG_MAX_REQUESTS,
    FLAG_DISABLE_EXPORTER_METRICS,
    FLAG_ENABLE_LIFECYCLE,
    FLAG_PRIVILEGE_SEPARATION,
    FLAG_SEPARATE_USER,
    FLAG_LIST_COLLECTORS,
    FLAG_ONCE,
    FLAG_FORMAT,
    FLAG_LOG_LEVEL,
    FLAG_LOG_FORMAT,
    FLAG_VERSION,
    FLAG_HELP,
    FLAGS,
};

static const struct flag flags[FLAGS] = {
    [FLAG_CONFIG_FILE] = {"--config.file", "PATH",
                          "YAML file with the configuration (default: " CONFIG_FILE
                          " if it is there, else everything has its default). SIGHUP "
                          "reads it again."},
    [FLAG_CONFIG_CHECK] = {"--config.check", NULL,
                           "Check the configuration, also that of the web, and exit: 0 "
                           "if it is good, else 2 and one sentence."},
    [FLAG_LIBVIRT_URI] = {"--libvirt.uri", "URI",
                          "The libvirt daemon to connect to, instead of the one of the "
                          "file (default: " CONFIG_DEFAULT_LIBVIRT_URI ")."},
    [FLAG_LISTEN_ADDRESS] = {"--web.listen-address", "ADDRESS",
                             "Address to serve on, like :10177, [::1]:10177 or "
                             "unix:/PATH; may be repeated "
                             "(default: " CONFIG_DEFAULT_LISTEN_ADDRESS ")."},
    [FLAG_SYSTEMD_SOCKET] =
        {"--web.systemd-socket", NULL,
         "Serve on the sockets of a systemd .socket unit, instead of "
         "any address."},
    [FLAG_TELEMETRY_PATH] = {"--web.telemetry-path", "PATH",
                             "Path of the metrics "
                             "(default: " CONFIG_DEFAULT_TELEMETRY_PATH ")."},
    [FLAG_WEB_CONFIG_FILE] = {"--web.config.file", "PATH",
                              "YAML file with TLS, users and headers, in the format of "
                              "Prometheus' exporters (default: " WEB_CONFIG_FILE
                              " if it is there). It is read again when it or a file "
                              "that it names changes."},
    [FLAG_MAX_REQUESTS] = {"--web.max-requests", "NUMBER",
                           "Scrapes that are answered at once; more get 503 "
                           "(default: 0, any number)."},
    [FLAG_DISABLE_EXPORTER_METRICS] = {"--web.disable-exporter-metrics", NULL,
                                       "Leave out the metrics of the exporter itself: "
                                       "process_* and qga_exporter_*."},
    [FLAG_ENABLE_LIFECYCLE] = {"--web.enable-lifecycle", NULL,
                               "Read the configuration again on POST or PUT "
                               "/-/reload."},
    [FLAG_PRIVILEGE_SEPARATION] =
        {"--privilege-separation", NULL,
         "Ask guests in a process of its own, which parses nothing that they say; all "
         "else runs in another, which cannot reach them."},
    [FLAG_SEPARATE_USER] = {"--privilege-separation.user", "NAME",
                            "Run that other process as this user; needs root."},
    [FLAG_LIST_COLLECTORS] = {"--list-collectors", NULL,
                              "List the collectors with their defaults and exit."},
    [FLAG_ONCE] = {"--once", NULL,
                   "Ask every guest once, print the metrics and exit: 0 if all "
                   "answered, else 1 and one sentence."},
    [FLAG_FORMAT] = {"--format", "FORMAT",
                     "How the doctor reports: table or json (default: table)."},
    [FLAG_LOG_LEVEL] = {"--log.level", "LEVEL",
                        "Least level of what is logged: debug, info, warn or error "
                        "(default: " CONFIG_DEFAULT_LOG_LEVEL
                        "; of --once and the doctor " WALK_LOG_LEVEL ")."},
    [FLAG_LOG_FORMAT] = {"--log.format", "FORMAT",
                         "logfmt or json (default: " CONFIG_DEFAULT_LOG_FORMAT ")."},
    [FLAG_VERSION] = {"--version", NULL, "Show the version and exit."},
    [FLAG_HELP] = {"--help", NULL, "Show this help and exit (also -h)."},
};

struct parser {
    struct options options;
    int argc;
    char *const *argv;
    int at; /* the argument being read */
    bool seen[FLAGS];
    size_t listen_addresses, domains;
    bool only_domains; /* after a -- */
};

/* One sentence, and the end. */
static int __attribute__((format(printf, 2, 3)))
fail(struct parser *parser, const char *format, ...)
{
    va_list arguments;

    (void)fputs(PROGRAM ": ", stderr);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    parser->options.mode = OPTIONS_EXIT;
    parser->options.exit_status = EXIT_USAGE;
    return -1;
}

static int
fail_collector(struct parser *parser, const char *name)
{
    struct text known = TEXT_INIT(KNOWN_BYTES_MAX);
    char quoted[TREE_QUOTE_BYTES];

    for (size_t i = 0; i < collectors_count; i++)
        text_add_format(&known, "%s%s", i > 0 ? ", " : "", collectors[i]->name);
    (void)fail(parser, "there is no collector \"%s\"; known are: %s",
               tree_quote(name, quoted), known.bytes);
    text_free(&known);
    return -1;
}

static int
fail_flag(struct parser *parser, const char *name)
{
    const char *names[FLAGS + 2 * COLLECTORS_MAX + 1] = {NULL};
    char switches[2 * COLLECTORS_MAX][NAME_BYTES];
    char quoted[TREE_QUOTE_BYTES];
    size_t count = 0;

    for (; count < FLAGS; count++)
        names[count] = flags[count].name;
    for (size_t i = 0; i < 2 * collectors_count; i++) {
        (void)snprintf(switches[i], NAME_BYTES, "%s%s", i % 2 == 0 ? ON : OFF,
                       collectors[i / 2]->name);
        names[count++] = switches[i];
    }
    const char *near = suggest_nearest(name, names);

    if (!near)
        return fail(parser, "unknown flag \"%s\"; " PROGRAM " --help lists the flags",
                    tree_quote(name, quoted));
    return fail(parser, "unknown flag \"%s\"; did you mean %s?",
                tree_quote(name, quoted), near);
}

/* --- flags with a value --- */

/* Without this, a mistyped value would show up only once the file is read. */
static const char *
check_value(enum flag_id id, const char *value)
{
    if (id == FLAG_LIBVIRT_URI)
        return config_check_uri(value);
    if (id == FLAG_LISTEN_ADDRESS)
        return config_check_listen_address(value);
    if (id == FLAG_TELEMETRY_PATH)
        return config_check_telemetry_path(value);
    if (id == FLAG_LOG_LEVEL)
        return config_check_log_level(value);
    if (id == FLAG_LOG_FORMAT)
        return config_check_log_format(value);
    if (id == FLAG_MAX_REQUESTS &&
        (strspn(value, "0123456789") != strlen(value) || strlen(value) > 5 ||
         strtoul(value, NULL, 10) > OPTIONS_REQUESTS_MAX))
        return "is not a number of scrapes; write 0 to 10000";
    if (id == FLAG_FORMAT && strcmp(value, "table") != 0 && strcmp(value, "json") != 0)
        return "is not a format of the doctor; write table or json";
    return NULL;
}

static int
add_listen_address(struct parser *parser, const char *value)
{
    if (parser->listen_addresses < CONFIG_LISTEN_ADDRESSES_MAX) {
        parser->options.overrides.listen_addresses[parser->listen_addresses++] = value;
        return 0;
    }
    return fail(parser,
                "--web.listen-address is given more than %d times; that "
                "many addresses are the most",
                CONFIG_LISTEN_ADDRESSES_MAX);
}

static int
apply_value(struct parser *parser, enum flag_id id, const char *value)
{
    struct options *options = &parser->options;
    const char **const places[FLAGS] = {
        [FLAG_CONFIG_FILE] = &options->config_file,
        [FLAG_WEB_CONFIG_FILE] = &options->web_config_file,
        [FLAG_SEPARATE_USER] = &options->separate_user,
        [FLAG_LIBVIRT_URI] = &options->overrides.libvirt_uri,
        [FLAG_TELEMETRY_PATH] = &options->overrides.telemetry_path,
        [FLAG_LOG_LEVEL] = &options->overrides.log_level,
        [FLAG_LOG_FORMAT] = &options->overrides.log_format,
    };
    const char *wrong = check_value(id, value);
    char quoted[TREE_QUOTE_BYTES];

    if (wrong)
        return fail(parser, "%s: \"%s\" %s", flags[id].name, tree_quote(value, quoted),
                    wrong);
    if (id == FLAG_LISTEN_ADDRESS)
        return add_listen_address(parser, value);
    if (id == FLAG_MAX_REQUESTS)
        options->max_requests = (unsigned int)strtoul(value, NULL, 10);
    else if (id == FLAG_FORMAT)
        options->json = strcmp(value, "json") == 0;
    else if (places[id])
        *places[id] = value;
    return 0;
}

/* The value behind '=' or in the next argument; NULL with the sentence. */
static const char *
take_value(struct parser *parser, enum flag_id id, const char *attached)
{
    const char *next =
        parser->at + 1 < parser->argc ? parser->argv[parser->at + 1] : NULL;

    if (attached && *attached != '\0')
        return attached;
    if (!attached && next && next[0] != '-' && next[0] != '\0') {
        parser->at++;
        return next;
    }
    (void)fail(parser, "%s has no value; write it like %s=%s", flags[id].name,
               flags[id].name, flags[id].value);
    return NULL;
}

/* --- flags without --- */

/* One run does one thing. */
static int
set_mode(struct parser *parser, enum options_mode mode)
{
    const char *const names[] = {
        [OPTIONS_ONCE] = flags[FLAG_ONCE].name,
        [OPTIONS_CONFIG_CHECK] = flags[FLAG_CONFIG_CHECK].name,
        [OPTIONS_DOCTOR] = DOCTOR,
    };
    enum options_mode before = parser->options.mode;

    if (before != OPTIONS_RUN)
        return fail(parser, "%s and %s exclude each other; give one of them",
                    names[before], names[mode]);
    parser->options.mode = mode;
    return 0;
}

/* 0 to go on, -1 to end. */
static int
apply_switch(struct parser *parser, enum flag_id id)
{
    struct options *options = &parser->options;
    bool *const places[FLAGS] = {
        [FLAG_SYSTEMD_SOCKET] = &options->systemd_socket,
        [FLAG_DISABLE_EXPORTER_METRICS] = &options->disable_exporter_metrics,
        [FLAG_ENABLE_LIFECYCLE] = &options->enable_lifecycle,
        [FLAG_PRIVILEGE_SEPARATION] = &options->privilege_separation,
    };

    if (places[id]) {
        *places[id] = true;
        return 0;
    }
    if (id == FLAG_ONCE)
        return set_mode(parser, OPTIONS_ONCE);
    if (id == FLAG_CONFIG_CHECK)
        return set_mode(parser, OPTIONS_CONFIG_CHECK);
    if (id == FLAG_HELP)
        help_print(flags, FLAGS);
    else if (id == FLAG_VERSION)
        help_print_version();
    else
        help_print_collectors();
    /* A full disk or a closed pipe must not look like success. */
    bool is_written = fflush(stdout) == 0 && !ferror(stdout);

    options->mode = OPTIONS_EXIT;
    options->exit_status = is_written ? EXIT_SUCCESS : EXIT_FAILURE;
    return -1;
}

static int
apply_flag(struct parser *parser, enum flag_id id, const char *attached)
{
    if (parser->seen[id] && id != FLAG_LISTEN_ADDRESS)
        return fail(parser, "%s is given twice; remove one", flags[id].name);
    parser->seen[id] = true;
    if (flags[id].value) {
        const char *value = take_value(parser, id, attached);

        return value ? apply_value(parser, id, value) : -1;
    }
    if (!attached)
        return apply_switch(parser, id);
    return fail(parser, "%s takes no value; remove what follows the =", flags[id].name);
}

static int
apply_collector(struct parser *parser, const char *name, bool enables,
                const char *attached)
{
    int index = collector_find(name);

    if (attached)
        return fail(parser,
                    "%s takes no value; use --collector.NAME for on and "
                    "--no-collector.NAME for off",
                    enables ? "--collector.NAME" : "--no-collector.NAME");
    if (index < 0)
        return fail_collector(parser, name);
    parser->options.overrides.collector_enabled[index] = enables ? 1 : 0;
    return 0;
}

/* --- arguments --- */

/* What is no flag. */
static int
apply_word(struct parser *parser, const char *word)
{
    static const char *const known[] = {DOCTOR, NULL};
    char quoted[TREE_QUOTE_BYTES];
    bool is_domain = parser->options.mode == OPTIONS_DOCTOR && *word != '\0';

    if (is_domain && parser->domains < OPTIONS_DOMAINS_MAX) {
        parser->options.domains[parser->domains++] = word;
        return 0;
    }
    if (is_domain)
        return fail(parser, "more than %d domains; name fewer, or none for all",
                    OPTIONS_DOMAINS_MAX);
    if (strcmp(word, DOCTOR) == 0)
        return set_mode(parser, OPTIONS_DOCTOR);
    if (suggest_nearest(word, known))
        return fail(parser, "stray argument \"%s\"; did you mean " DOCTOR "?",
                    tree_quote(word, quoted));
    return fail(parser,
                "stray argument \"%s\"; everything is said by flags, see " PROGRAM
                " --help",
                tree_quote(word, quoted));
}

static int
apply_argument(struct parser *parser)
{
    const char *argument = parser->argv[parser->at];
    bool is_divider = strcmp(argument, "--") == 0;

    if (is_divider && parser->options.mode == OPTIONS_DOCTOR && !parser->only_domains) {
        parser->only_domains = true;
        return 0;
    }
    if (argument[0] != '-' || is_divider || parser->only_domains)
        return apply_word(parser, argument);
    const char *equals = strchr(argument, '='), *attached = equals ? equals + 1 : NULL;
    bool enables = strncmp(argument, ON, strlen(ON)) == 0;
    char name[NAME_BYTES];

    if (enables || strncmp(argument, OFF, strlen(OFF)) == 0)
        return apply_collector(parser, argument + strlen(enables ? ON : OFF), enables,
                               attached);
    if (strcmp(argument, "-h") == 0)
        argument = flags[FLAG_HELP].name;
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(argument, "="), argument);
    for (int id = 0; id < FLAGS; id++) {
        if (strcmp(flags[id].name, name) == 0)
            return apply_flag(parser, (enum flag_id)id, attached);
    }
    return fail_flag(parser, name);
}

static void
check_combinations(struct parser *parser)
{
    const struct options *options = &parser->options;

    if (parser->seen[FLAG_FORMAT] && options->mode != OPTIONS_DOCTOR)
        (void)fail(parser,
                   "--format is the doctor's; write " PROGRAM " " DOCTOR " first");
    else if (parser->seen[FLAG_SEPARATE_USER] && !options->privilege_separation)
        (void)fail(parser, "%s needs %s", flags[FLAG_SEPARATE_USER].name,
                   flags[FLAG_PRIVILEGE_SEPARATION].name);
    else if (options->privilege_separation &&
             (options->mode == OPTIONS_ONCE || options->mode == OPTIONS_DOCTOR))
        (void)fail(parser, "%s is for the daemon alone; leave it out",
                   flags[FLAG_PRIVILEGE_SEPARATION].name);
}

struct options
options_parse(int argc, char *const argv[])
{
    struct parser parser = {
        .argc = argc,
        .argv = argv,
        .at = 1,
        .options = {.mode = OPTIONS_RUN,
                    .config_file = CONFIG_FILE,
                    .web_config_file = WEB_CONFIG_FILE},
    };

    memset(parser.options.overrides.collector_enabled, -1,
           sizeof(parser.options.overrides.collector_enabled));
    for (; parser.at < argc; parser.at++) {
        if (apply_argument(&parser) < 0)
            return parser.options;
    }
    if (!parser.seen[FLAG_LOG_LEVEL] &&
        (parser.options.mode == OPTIONS_DOCTOR || parser.options.mode == OPTIONS_ONCE))
        parser.options.overrides.log_level = WALK_LOG_LEVEL;
    parser.options.config_file_is_named = parser.seen[FLAG_CONFIG_FILE];
    parser.options.web_config_file_is_named = parser.seen[FLAG_WEB_CONFIG_FILE];
    check_combinations(&parser);
    return parser.options;
}

const char *
options_file(const char *path, bool is_named)
{
    return path && !is_named && file_is_absent(path) ? NULL : path;
}
