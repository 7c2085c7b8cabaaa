/*
 * demo.h - what the examples share and a real program does not need: a folder
 * with modules in it, and an "editor" that saves them.
 */
#ifndef DEMO_H
#define DEMO_H

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __GNUC__
#  define DEMO_UNUSED __attribute__((unused))
#else
#  define DEMO_UNUSED
#endif

typedef struct {
    char path[PATH_MAX];
    char files[64][64];
    int len;
} demo_folder;

/* A new folder under $TMPDIR or /tmp. */
static DEMO_UNUSED void demo_open(demo_folder *folder)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder->path, sizeof folder->path, "%s/pyreload-demo-XXXXXX",
             base && *base ? base : "/tmp");
    folder->len = 0;
    if (!mkdtemp(folder->path)) {
        perror(folder->path);
        exit(2);
    }
}

/* Saves as most editors do: a new file beside the old one, then a rename. */
static DEMO_UNUSED void demo_save(demo_folder *folder, const char *name,
                                  const char *text)
{
    char path[PATH_MAX + 80], draft[PATH_MAX + 96];
    FILE *file;
    int i = 0;

    snprintf(path, sizeof path, "%s/%s", folder->path, name);
    snprintf(draft, sizeof draft, "%s.part", path);
    file = fopen(draft, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0
        || rename(draft, path) != 0) {
        perror(path);
        exit(2);
    }
    while (i < folder->len && strcmp(folder->files[i], name) != 0) {
        i++;
    }
    if (i == folder->len && i < 64) {
        snprintf(folder->files[folder->len++], sizeof folder->files[0], "%s",
                 name);
    }
}

/* Removes what demo_save() wrote, and the folder. */
static DEMO_UNUSED void demo_close(demo_folder *folder)
{
    char path[PATH_MAX + 80];
    int i;

    for (i = 0; i < folder->len; i++) {
        snprintf(path, sizeof path, "%s/%s", folder->path, folder->files[i]);
        unlink(path);
    }
    rmdir(folder->path);
}

/* Ends the example with a failure when it did not show what it says. */
static DEMO_UNUSED void demo_expect(int truth, const char *what)
{
    if (!truth) {
        fflush(stdout);
        fprintf(stderr, "\nthis example FAILED to show: %s\n", what);
        exit(1);
    }
}

#endif
