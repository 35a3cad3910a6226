/* What --help, --version and --list-collectors print. */
#include "help.h"

#include "collector.h"
#include "yaml/value.h"

#include <stdio.h>
#include <string.h>

#ifndef QGA_VERSION
#error "the Makefile defines QGA_VERSION, QGA_REVISION and QGA_BRANCH"
#endif

#define PROGRAM "qga-exporter"
#define HELP_COLUMNS 88
#define HELP_INDENT 34 /* where the text of a flag begins */
#define NAME_BYTES 64
#define COLLECTOR_HELP_BYTES 512

/* Words of `text` from column `indent` on, broken before HELP_COLUMNS. */
static void
print_wrapped(const char *text, size_t indent)
{
    size_t column = indent;

    while (*text != '\0') {
        size_t length = strcspn(text, " ");

        if (column > indent && column + 1 + length > HELP_COLUMNS) {
            (void)printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            (void)putchar(' ');
            column++;
        }
        (void)printf("%.*s", (int)length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    (void)putchar('\n');
}

static void
print_flag(const char *name, const char *value, const char *help)
{
    int used = printf("  %s%s%s", name, value ? "=" : "", value ? value : "");

    if (used < 0 || used + 2 > HELP_INDENT) {
        (void)putchar('\n');
        used = 0;
    }
    (void)printf("%*s", HELP_INDENT - used, "");
    print_wrapped(help, HELP_INDENT);
}

void
help_print(const struct flag *flags, size_t flags_count)
{
    (void)printf("Usage: " PROGRAM " [FLAG]...\n"
                 "       " PROGRAM " doctor [FLAG]... [DOMAIN]...\n\n");
    print_wrapped(
        "Asks the QEMU guest agent in every running libvirt domain for what a "
        "hypervisor cannot see from outside, and serves the last good answers "
        "to Prometheus. Runs without a configuration; a flag wins over the "
        "file.",
        0);
    (void)putchar('\n');
    print_wrapped(
        "The doctor asks every guest once, or those named, and says of each "
        "whether its agent is well, and if not what is missing and what to do "
        "about it. It ends with 0 if all are well, else with 1.",
        0);
    (void)printf("\nFlags:\n");
    for (size_t i = 0; i < flags_count; i++)
        print_flag(flags[i].name, flags[i].value, flags[i].help);
    (void)printf("\nCollectors, switched on and off by name:\n");
    for (size_t i = 0; i < collectors_count; i++) {
        char name[NAME_BYTES], help[COLLECTOR_HELP_BYTES];

        (void)snprintf(name, sizeof(name), "--[no-]collector.%s", collectors[i]->name);
        (void)snprintf(help, sizeof(help), "%s (default: %s).", collectors[i]->help,
                       collectors[i]->default_disabled ? "off" : "on");
        print_flag(name, NULL, help);
    }
}

/* In the form of Prometheus' own programs.  Who built it and when is left out, so that
 * the build is reproducible. */
void
help_print_version(void)
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

    (void)printf(PROGRAM ", version " QGA_VERSION " (branch: " QGA_BRANCH
                         ", revision: " QGA_REVISION ")\n"
                         "  compiler:         %s\n"
                         "  platform:         linux/%s\n",
                 compiler, machine);
}

void
help_print_collectors(void)
{
    int name_width = (int)strlen("NAME"), command_width = (int)strlen("COMMAND");

    for (size_t i = 0; i < collectors_count; i++) {
        int name = (int)strlen(collectors[i]->name);
        int command = (int)strlen(collectors[i]->command);

        name_width = name > name_width ? name : name_width;
        command_width = command > command_width ? command : command_width;
    }
    (void)printf("%-*s  %-7s  %-8s  %-*s  %s\n", name_width, "NAME", "DEFAULT",
                 "INTERVAL", command_width, "COMMAND", "HELP");
    for (size_t i = 0; i < collectors_count; i++) {
        const struct collector *collector = collectors[i];
        char interval[VALUE_BYTES];

        value_duration_format(collector->default_interval_s * INT64_C(1000000000),
                              interval);
        (void)printf("%-*s  %-7s  %-8s  %-*s  %s\n", name_width, collector->name,
                     collector->default_disabled ? "off" : "on", interval,
                     command_width, collector->command, collector->help);
    }
}
