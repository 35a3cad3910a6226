/* One table of flags, from which the command line is read and the help is written. */
#include "options.h"

#include "base/suggest.h"
#include "config/check.h"
#include "yaml/value.h"

#include <stdio.h>
#include <string.h>

#ifndef QGA_VERSION
#error "the Makefile defines QGA_VERSION, QGA_REVISION and QGA_BRANCH"
#endif

#define PROGRAM "qga-exporter"
#define HELP_COLUMNS 88
#define HELP_INDENT 34 /* where the text of a flag begins */
#define EXIT_STATUS_USAGE 2
#define DOCTOR "doctor"
/* The table tells what the log would, and better. */
#define DOCTOR_LOG_LEVEL "error"
#define NAME_BYTES 64
#define REMEDY_BYTES 512

enum flag_id {
    FLAG_CONFIG_FILE,
    FLAG_CONFIG_CHECK,
    FLAG_LIBVIRT_URI,
    FLAG_LISTEN_ADDRESS,
    FLAG_TELEMETRY_PATH,
    FLAG_WEB_CONFIG_FILE,
    FLAG_LIST_COLLECTORS,
    FLAG_ONCE,
    FLAG_FORMAT,
    FLAG_LOG_LEVEL,
    FLAG_LOG_FORMAT,
    FLAG_VERSION,
    FLAG_HELP,
    FLAGS,
};

static const struct flag {
    const char *name;
    const char *value; /* how the help calls its value; NULL: takes none */
    bool repeatable;
    const char *help;
} flags[FLAGS] = {
    [FLAG_CONFIG_FILE] = {"--config.file", "PATH", false,
                          "YAML file with the configuration; without it everything has "
                          "its default. SIGHUP reads it again."},
    [FLAG_CONFIG_CHECK] = {"--config.check", NULL, false,
                           "Check the configuration, also that of the web, and exit: 0 "
                           "if it is good, else 2 and one sentence."},
    [FLAG_LIBVIRT_URI] = {"--libvirt.uri", "URI", false,
                          "The libvirt daemon to connect to, instead of the one of the "
                          "file (default: " CONFIG_DEFAULT_LIBVIRT_URI ")."},
    [FLAG_LISTEN_ADDRESS] = {"--web.listen-address", "ADDRESS", true,
                             "Address to serve on, like :10177, 127.0.0.1:10177 or "
                             "[::1]:10177; may be repeated "
                             "(default: " CONFIG_DEFAULT_LISTEN_ADDRESS ")."},
    [FLAG_TELEMETRY_PATH] = {"--web.telemetry-path", "PATH", false,
                             "Path of the metrics "
                             "(default: " CONFIG_DEFAULT_TELEMETRY_PATH ")."},
    [FLAG_WEB_CONFIG_FILE] = {"--web.config.file", "PATH", false,
                              "YAML file with TLS, users and headers, in the format of "
                              "Prometheus' exporters; it is read again when it or a "
                              "file that it names changes."},
    [FLAG_LIST_COLLECTORS] = {"--list-collectors", NULL, false,
                              "List the collectors with their defaults and exit."},
    [FLAG_ONCE] = {"--once", NULL, false,
                   "Ask every guest once, print the metrics and exit: 0 if all "
                   "answered."},
    [FLAG_FORMAT] = {"--format", "FORMAT", false,
                     "How the doctor reports: table or json (default: table)."},
    [FLAG_LOG_LEVEL] = {"--log.level", "LEVEL", false,
                        "Least level of what is logged: debug, info, warn or error "
                        "(default: " CONFIG_DEFAULT_LOG_LEVEL
                        "; the doctor's is " DOCTOR_LOG_LEVEL ")."},
    [FLAG_LOG_FORMAT] = {"--log.format", "FORMAT", false,
                         "logfmt or json (default: " CONFIG_DEFAULT_LOG_FORMAT ")."},
    [FLAG_VERSION] = {"--version", NULL, false, "Show the version and exit."},
    [FLAG_HELP] = {"--help", NULL, false, "Show this help and exit (also -h)."},
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

static int
usage_fail(struct parser *parser)
{
    parser->options.mode = OPTIONS_EXIT;
    parser->options.exit_status = EXIT_STATUS_USAGE;
    return -1;
}

static void
exit_after(struct parser *parser)
{
    /* A full disk or a closed pipe must not look like success. */
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    parser->options.mode = OPTIONS_EXIT;
    parser->options.exit_status = written ? 0 : 1;
}

/* Words of `text` from column `indent` on, broken before HELP_COLUMNS. */
static void
print_wrapped(const char *text, size_t column, size_t indent)
{
    while (*text != '\0') {
        size_t length = strcspn(text, " ");
        if (column > indent && column + 1 + length > HELP_COLUMNS) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", (int)length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void
print_flag(const char *name, const char *value, const char *help)
{
    int used =
        printf("  %s%s%s", name, value != NULL ? "=" : "", value != NULL ? value : "");
    if (used < 0 || used + 2 > HELP_INDENT) {
        putchar('\n');
        used = 0;
    }
    printf("%*s", HELP_INDENT - used, "");
    print_wrapped(help, HELP_INDENT, HELP_INDENT);
}

static void
print_help(void)
{
    printf("Usage: " PROGRAM " [FLAG]...\n"
           "       " PROGRAM " " DOCTOR " [FLAG]... [DOMAIN]...\n\n");
    print_wrapped(
        "Asks the QEMU guest agent in every running libvirt domain for what a "
        "hypervisor cannot see from outside, and serves the last good answers "
        "to Prometheus. Runs without a configuration; a flag wins over the "
        "file.",
        0, 0);
    putchar('\n');
    print_wrapped(
        "The doctor asks every guest once, or those named, and says of each "
        "whether its agent is well, and if not what is missing and what to do "
        "about it. It ends with 0 if all are well, else with 1.",
        0, 0);
    printf("\nFlags:\n");
    for (size_t i = 0; i < FLAGS; i++)
        print_flag(flags[i].name, flags[i].value, flags[i].help);
    printf("\nCollectors, switched on and off by name:\n");
    for (size_t i = 0; i < collectors_count; i++) {
        char name[NAME_BYTES], help[REMEDY_BYTES];
        snprintf(name, sizeof(name), "--[no-]collector.%s", collectors[i]->name);
        snprintf(help, sizeof(help), "%s (default: %s).", collectors[i]->help,
                 collectors[i]->default_disabled ? "off" : "on");
        print_flag(name, NULL, help);
    }
}

/* In the form of Prometheus' own programs.  Who built it and when is left out, so that
 * the build is reproducible. */
static void
print_version(void)
{
#if defined(__clang__)
    const char *compiler = "clang " __clang_version__;
#else
    const char *compiler = "gcc " __VERSION__;
#endif
#if defined(__x86_64__)
    const char *machine = "amd64";
#elif defined(__aarch64__)
    const char *machine = "arm64";
#elif defined(__s390x__)
    const char *machine = "s390x";
#elif defined(__powerpc64__)
    const char *machine = "ppc64le";
#elif defined(__riscv)
    const char *machine = "riscv64";
#else
    const char *machine = "unknown";
#endif
    printf(PROGRAM ", version " QGA_VERSION " (branch: " QGA_BRANCH
                   ", revision: " QGA_REVISION ")\n"
                   "  compiler:         %s\n"
                   "  platform:         linux/%s\n",
           compiler, machine);
}

static void
print_collectors(void)
{
    int name_width = (int)strlen("NAME"), command_width = (int)strlen("COMMAND");
    for (size_t i = 0; i < collectors_count; i++) {
        int name = (int)strlen(collectors[i]->name);
        int command = (int)strlen(collectors[i]->command);
        name_width = name > name_width ? name : name_width;
        command_width = command > command_width ? command : command_width;
    }
    printf("%-*s  %-7s  %-8s  %-*s  %s\n", name_width, "NAME", "DEFAULT", "INTERVAL",
           command_width, "COMMAND", "HELP");
    for (size_t i = 0; i < collectors_count; i++) {
        const struct collector *collector = collectors[i];
        char interval[VALUE_BYTES];
        value_duration_format(collector->default_interval_s * INT64_C(1000000000),
                              interval);
        printf("%-*s  %-7s  %-8s  %-*s  %s\n", name_width, collector->name,
               collector->default_disabled ? "off" : "on", interval, command_width,
               collector->command, collector->help);
    }
}

/* "collector.NAME" to its index; the sentence for a name that is none. */
static int
collector_switch(struct parser *parser, const char *name, bool enabled)
{
    int index = collector_find(name);
    if (index >= 0) {
        parser->options.overrides.collector_enabled[index] = enabled ? 1 : 0;
        return 0;
    }
    char quoted[TREE_QUOTE_BYTES];
    fprintf(stderr, PROGRAM ": there is no collector \"%s\"; known are: ",
            tree_quote(name, quoted));
    for (size_t i = 0; i < collectors_count; i++)
        fprintf(stderr, "%s%s", i > 0 ? ", " : "", collectors[i]->name);
    fputc('\n', stderr);
    return usage_fail(parser);
}

static int
unknown_flag(struct parser *parser, const char *name)
{
    const char *names[FLAGS + 2 * COLLECTORS_MAX + 1] = {NULL};
    char switches[2 * COLLECTORS_MAX][NAME_BYTES];
    char quoted[TREE_QUOTE_BYTES];
    size_t count = 0;
    for (; count < FLAGS; count++)
        names[count] = flags[count].name;
    for (size_t i = 0; i < collectors_count; i++) {
        char *on = switches[2 * i], *off = switches[2 * i + 1];
        snprintf(on, NAME_BYTES, "--collector.%s", collectors[i]->name);
        snprintf(off, NAME_BYTES, "--no-collector.%s", collectors[i]->name);
        names[count++] = on;
        names[count++] = off;
    }
    const char *near = suggest_nearest(name, names);
    fprintf(stderr, PROGRAM ": unknown flag \"%s\"; ", tree_quote(name, quoted));
    if (near != NULL)
        fprintf(stderr, "did you mean %s?\n", near);
    else
        fprintf(stderr, PROGRAM " --help lists the flags\n");
    return usage_fail(parser);
}

/* Without this, a mistyped value would show up only once the file is read. */
static const char *
value_check(enum flag_id id, const char *value)
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
    if (id == FLAG_FORMAT && strcmp(value, "table") != 0 && strcmp(value, "json") != 0)
        return "is not a format of the doctor; write table or json";
    return NULL;
}

static int
listen_address_add(struct parser *parser, const char *value)
{
    if (parser->listen_addresses == CONFIG_LISTEN_ADDRESSES_MAX) {
        fprintf(stderr,
                PROGRAM ": --web.listen-address is given more than %d times; that many "
                        "addresses are the most\n",
                CONFIG_LISTEN_ADDRESSES_MAX);
        return usage_fail(parser);
    }
    parser->options.overrides.listen_addresses[parser->listen_addresses++] = value;
    return 0;
}

static int
value_apply(struct parser *parser, enum flag_id id, const char *value)
{
    struct config_overrides *overrides = &parser->options.overrides;
    char quoted[TREE_QUOTE_BYTES];
    const char *wrong = value_check(id, value);
    if (wrong != NULL) {
        fprintf(stderr, PROGRAM ": %s: \"%s\" %s\n", flags[id].name,
                tree_quote(value, quoted), wrong);
        return usage_fail(parser);
    }
    if (id == FLAG_LISTEN_ADDRESS)
        return listen_address_add(parser, value);
    if (id == FLAG_CONFIG_FILE)
        parser->options.config_file = value;
    else if (id == FLAG_WEB_CONFIG_FILE)
        parser->options.web_config_file = value;
    else if (id == FLAG_LIBVIRT_URI)
        overrides->libvirt_uri = value;
    else if (id == FLAG_TELEMETRY_PATH)
        overrides->telemetry_path = value;
    else if (id == FLAG_FORMAT)
        parser->options.json = strcmp(value, "json") == 0;
    else if (id == FLAG_LOG_LEVEL)
        overrides->log_level = value;
    else if (id == FLAG_LOG_FORMAT)
        overrides->log_format = value;
    return 0;
}

/* One run does one thing. */
static int
mode_set(struct parser *parser, enum flag_id id)
{
    const char *other = parser->options.mode == OPTIONS_DOCTOR ? DOCTOR
                        : id == FLAG_CONFIG_CHECK              ? flags[FLAG_ONCE].name
                                                  : flags[FLAG_CONFIG_CHECK].name;

    if (parser->options.mode == OPTIONS_RUN) {
        parser->options.mode = id == FLAG_ONCE ? OPTIONS_ONCE : OPTIONS_CONFIG_CHECK;
        return 0;
    }
    fprintf(stderr, PROGRAM ": %s and %s exclude each other; give one of them\n", other,
            flags[id].name);
    return usage_fail(parser);
}

/* 0 to go on, -1 to end. */
static int
switch_apply(struct parser *parser, enum flag_id id)
{
    if (id == FLAG_HELP)
        print_help();
    else if (id == FLAG_VERSION)
        print_version();
    else if (id == FLAG_LIST_COLLECTORS)
        print_collectors();
    if (id == FLAG_HELP || id == FLAG_VERSION || id == FLAG_LIST_COLLECTORS) {
        exit_after(parser);
        return -1;
    }
    return mode_set(parser, id);
}

/* The value behind '=' or in the next argument; NULL with the sentence. */
static const char *
value_take(struct parser *parser, enum flag_id id, const char *attached)
{
    const char *next =
        parser->at + 1 < parser->argc ? parser->argv[parser->at + 1] : NULL;
    if (attached != NULL && *attached != '\0')
        return attached;
    if (attached == NULL && next != NULL && next[0] != '-' && next[0] != '\0') {
        parser->at++;
        return next;
    }
    fprintf(stderr, PROGRAM ": %s has no value; write it like %s=%s\n", flags[id].name,
            flags[id].name, flags[id].value);
    usage_fail(parser);
    return NULL;
}

static int
flag_apply(struct parser *parser, enum flag_id id, const char *attached)
{
    if (parser->seen[id] && !flags[id].repeatable) {
        fprintf(stderr, PROGRAM ": %s is given twice; remove one\n", flags[id].name);
        return usage_fail(parser);
    }
    parser->seen[id] = true;
    if (flags[id].value != NULL) {
        const char *value = value_take(parser, id, attached);
        return value != NULL ? value_apply(parser, id, value) : -1;
    }
    if (attached == NULL)
        return switch_apply(parser, id);
    fprintf(stderr, PROGRAM ": %s takes no value; remove what follows the =\n",
            flags[id].name);
    return usage_fail(parser);
}

static int
collector_flag_apply(struct parser *parser, const char *argument, const char *attached)
{
    const char *const on = "--collector.", *const off = "--no-collector.";
    bool enabled = strncmp(argument, on, strlen(on)) == 0;
    char name[NAME_BYTES];
    const char *text = argument + strlen(enabled ? on : off);
    if (attached != NULL) {
        fprintf(stderr,
                PROGRAM ": %s takes no value; use --collector.NAME for on and "
                        "--no-collector.NAME for off\n",
                enabled ? "--collector.NAME" : "--no-collector.NAME");
        return usage_fail(parser);
    }
    snprintf(name, sizeof(name), "%s", text);
    return collector_switch(parser, name, enabled);
}

/* What is no flag. */
static int
word_apply(struct parser *parser, const char *word)
{
    char quoted[TREE_QUOTE_BYTES];
    bool is_domain = parser->options.mode == OPTIONS_DOCTOR && *word != '\0';
    if (is_domain && parser->domains < OPTIONS_DOMAINS_MAX) {
        parser->options.domains[parser->domains++] = word;
        return 0;
    }
    if (is_domain)
        fprintf(stderr, PROGRAM ": more than %d domains; name fewer, or none for all\n",
                OPTIONS_DOMAINS_MAX);
    else
        fprintf(stderr,
                PROGRAM ": stray argument \"%s\"; everything is said by flags, "
                        "see " PROGRAM " --help\n",
                tree_quote(word, quoted));
    return usage_fail(parser);
}

static int
argument_apply(struct parser *parser)
{
    const char *argument = parser->argv[parser->at];
    char name[NAME_BYTES];
    bool is_divider = strcmp(argument, "--") == 0;
    if (is_divider && parser->options.mode == OPTIONS_DOCTOR && !parser->only_domains) {
        parser->only_domains = true;
        return 0;
    }
    if (argument[0] != '-' || is_divider || parser->only_domains)
        return word_apply(parser, argument);
    if (strcmp(argument, "-h") == 0)
        argument = flags[FLAG_HELP].name;
    const char *equals = strchr(argument, '=');
    const char *attached = equals != NULL ? equals + 1 : NULL;
    if (strncmp(argument, "--collector.", 12) == 0 ||
        strncmp(argument, "--no-collector.", 15) == 0)
        return collector_flag_apply(parser, argument, attached);
    int length = equals != NULL ? (int)(equals - argument) : (int)strlen(argument);
    snprintf(name, sizeof(name), "%.*s", length, argument);
    for (int id = 0; id < FLAGS; id++)
        if (strcmp(flags[id].name, name) == 0)
            return flag_apply(parser, (enum flag_id)id, attached);
    return unknown_flag(parser, name);
}

struct options
options_parse(int argc, char *const argv[])
{
    struct parser parser = {.argc = argc, .argv = argv, .at = 1};
    memset(parser.options.overrides.collector_enabled, -1,
           sizeof(parser.options.overrides.collector_enabled));
    parser.options.mode = OPTIONS_RUN;
    if (argc > 1 && strcmp(argv[1], DOCTOR) == 0) {
        parser.options.mode = OPTIONS_DOCTOR;
        parser.options.overrides.log_level = DOCTOR_LOG_LEVEL;
        parser.at = 2;
    }
    for (; parser.at < argc; parser.at++)
        if (argument_apply(&parser) < 0)
            return parser.options;
    if (parser.seen[FLAG_FORMAT] && parser.options.mode != OPTIONS_DOCTOR) {
        fprintf(stderr, PROGRAM ": --format is the doctor's; write " PROGRAM " " DOCTOR
                                " first\n");
        usage_fail(&parser);
    }
    return parser.options;
}
