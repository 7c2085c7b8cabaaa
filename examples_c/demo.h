/*
 * demo.h - what the examples share and a real program does not need: a folder
 * with modules in it, and an "editor" that saves them. Python.h comes first.
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

#ifdef Py_PYTHON_H
/* What a program does that has a folder for the user's scripts. */
static DEMO_UNUSED void demo_python(const char *folder)
{
    PyObject *path = PyUnicode_DecodeFSDefault(folder);
    if (!path || PyList_Insert(PySys_GetObject("path"), 0, path) != 0
        || PySys_SetObject("dont_write_bytecode", Py_True) != 0) {
        PyErr_Print();
        exit(2);
    }
    Py_DECREF(path);
    /* Lines of C and of Python in the order they were said, also in a pipe. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    PyRun_SimpleString("import sys\n"
                       "sys.stdout.reconfigure(line_buffering=True)\n");
}
#endif

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
