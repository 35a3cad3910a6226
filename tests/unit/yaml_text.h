/* A text as a YAML file, by a file in memory; and the mistakes in it.  For the file of
 * a test's main() alone. */
#ifndef UNIT_YAML_TEXT_H
#define UNIT_YAML_TEXT_H

#include "kit/failure.h"
#include "yaml/load.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit/cmocka_any.h"

/* The file's path, and what was wrong with it. */
static char yaml_path[64];
static struct failure yaml_why;

static inline void
yaml_write(const char *bytes, size_t length)
{
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("yaml_text", MFD_CLOEXEC);
        (void)snprintf(yaml_path, sizeof(yaml_path), "/proc/self/fd/%d", fd);
    }
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(pwrite(fd, bytes, length, 0), (ssize_t)length);
    memset(&yaml_why, 'x', sizeof(yaml_why));
}

/* The sentence without `PATH:` in front of it. */
static inline const char *
yaml_sentence(void)
{
    size_t length = strlen(yaml_path);

    if (strncmp(yaml_why.text, yaml_path, length) != 0 || yaml_why.text[length] != ':')
        return yaml_why.text;
    return yaml_why.text + length + 1;
}

static inline struct tree_node *
yaml_load(const char *text)
{
    const struct tree_file file = {.path = yaml_path, .flag = "--config.file"};
    struct tree_node *root;

    yaml_write(text, strlen(text));
    if (tree_load(&file, &root, &yaml_why) < 0)
        fail_msg("%s", yaml_why.text);
    return root;
}

struct yaml_mistake {
    const char *text, *sentence;
};

/* `read` loads the file that was written: NULL, or a thing to free by `release`.  Not
 * `whole`: the sentences only begin so. */
static inline void
yaml_each_is_refused(const struct yaml_mistake *mistakes, size_t count, bool whole,
                     void *(*read)(void), void (*release)(void *))
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++) {
        yaml_write(mistakes[i].text, strlen(mistakes[i].text));
        void *thing = read();
        const char *sentence = thing ? "(accepted)" : yaml_sentence();

        size_t length = strlen(mistakes[i].sentence) + whole;

        if (strncmp(sentence, mistakes[i].sentence, length) != 0) {
            print_error("file:   %s\nwanted: %s\ngot:    %s\n\n", mistakes[i].text,
                        mistakes[i].sentence, sentence);
            wrong++;
        }
        if (thing)
            release(thing);
    }
    assert_int_equal(wrong, 0);
}

#endif
