/* A fuzz target without a fuzzer: runs each file given, and each file of each directory
 * given, through it once.  So the corpora are replayed by any compiler. */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES_MAX 4096

static void
replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");

    REQUIRE(file);
    /* Of the exact size, so that a sanitizer sees a read past the end. */
    uint8_t *data = malloc(size);
    REQUIRE(data || size == 0);
    REQUIRE(fread(data, 1, size, file) == size);
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static int
is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static size_t replay(const char *path);

static size_t
replay_directory(const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, is_visible, alphasort);
    size_t files = 0;

    REQUIRE(count >= 0);
    for (int i = 0; i < count; i++) {
        char child[PATH_BYTES_MAX];
        int length = snprintf(child, sizeof(child), "%s/%s", path, entries[i]->d_name);

        REQUIRE(length > 0 && (size_t)length < sizeof(child));
        files += replay(child);
        free(entries[i]);
    }
    free(entries);
    return files;
}

/* The number of files; one that cannot be read ends the program. */
static size_t
replay(const char *path)
{
    struct stat status;

    if (stat(path, &status) < 0) {
        perror(path);
        exit(2);
    }
    if (S_ISDIR(status.st_mode))
        return replay_directory(path);
    (void)printf("%s\n", path); /* the last one is the culprit, if there is one */
    (void)fflush(stdout);
    replay_file(path, (size_t)status.st_size);
    return 1;
}

int
main(int count, char **arguments)
{
    size_t files = 0;

    for (int i = 1; i < count; i++)
        files += replay(arguments[i]);
    (void)printf("%zu inputs\n", files);
    return files > 0 ? 0
                     : 2; /* a corpus that is not there must not look like success */
}
