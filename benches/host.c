/* A C program that embeds Python and runs a script in which the module `bench` times the C API
 * and its floors from C. Everything that is compared is timed here, in one process. */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pyreload.h"

unsigned floor_acquire_load(void);

static long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static PyObject *failed(void) {
    PyErr_Format(PyExc_RuntimeError, "pyreload: %s", pyreload_last_error());
    return NULL;
}

/* create(scope, mode) -> (handle, nanoseconds) */
static PyObject *bench_create(PyObject *self, PyObject *args) {
    unsigned scope, mode;
    if (!PyArg_ParseTuple(args, "II", &scope, &mode))
        return NULL;
    pyreload_options options;
    pyreload_options_init(&options, sizeof options);
    options.scope = scope;
    options.trigger_mode = mode;
    pyreload_reloader *reloader;
    long long begin = now_ns();
    pyreload_status status = pyreload_create(&options, &reloader);
    long long end = now_ns();
    if (status != PYRELOAD_OK)
        return failed();
    return Py_BuildValue("KL", (unsigned long long)(uintptr_t)reloader, end - begin);
}

#define HANDLE(number) ((pyreload_reloader *)(uintptr_t)(number))

static PyObject *bench_destroy(PyObject *self, PyObject *args) {
    unsigned long long handle;
    if (!PyArg_ParseTuple(args, "K", &handle))
        return NULL;
    pyreload_destroy(HANDLE(handle));
    Py_RETURN_NONE;
}

static PyObject *bench_include(PyObject *self, PyObject *args) {
    unsigned long long handle;
    const char *name;
    if (!PyArg_ParseTuple(args, "Ks", &handle, &name))
        return NULL;
    if (pyreload_include(HANDLE(handle), name) != PYRELOAD_OK)
        return failed();
    Py_RETURN_NONE;
}

static PyObject *bench_track_imports(PyObject *self, PyObject *args) {
    unsigned long long handle;
    if (!PyArg_ParseTuple(args, "K", &handle))
        return NULL;
    if (pyreload_track_imports(HANDLE(handle)) != PYRELOAD_OK)
        return failed();
    Py_RETURN_NONE;
}

/* trigger(handle) -> (nanoseconds, status, report as JSON or None) */
static PyObject *bench_trigger(PyObject *self, PyObject *args) {
    unsigned long long handle;
    if (!PyArg_ParseTuple(args, "K", &handle))
        return NULL;
    pyreload_report *report;
    long long begin = now_ns();
    pyreload_status status = pyreload_trigger(HANDLE(handle), PYRELOAD_TRIGGER_EVENT, &report);
    long long end = now_ns();
    const char *text = report != NULL ? pyreload_report_json(report) : NULL;
    PyObject *answer = Py_BuildValue("Liz", end - begin, (int)status, text);
    pyreload_report_free(report);
    return answer;
}

/* repeat(handle, kind, times): idle triggers, for a counter of instructions */
static PyObject *bench_repeat(PyObject *self, PyObject *args) {
    unsigned long long handle;
    unsigned kind;
    int times;
    if (!PyArg_ParseTuple(args, "KIi", &handle, &kind, &times))
        return NULL;
    for (int i = 0; i < times; i++)
        pyreload_trigger(HANDLE(handle), kind, NULL);
    Py_RETURN_NONE;
}

static PyObject *bench_stats(PyObject *self, PyObject *args) {
    unsigned long long handle;
    if (!PyArg_ParseTuple(args, "K", &handle))
        return NULL;
    pyreload_stats_t stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    if (pyreload_stats(HANDLE(handle), &stats) != PYRELOAD_OK)
        return failed();
    return Py_BuildValue("KKKK", (unsigned long long)stats.tracked_modules,
                         (unsigned long long)stats.watched_directories,
                         (unsigned long long)stats.polled_directories,
                         (unsigned long long)stats.tracked_source_bytes);
}

static PyObject *bench_notify_fd(PyObject *self, PyObject *args) {
    unsigned long long handle;
    if (!PyArg_ParseTuple(args, "K", &handle))
        return NULL;
    return PyLong_FromLong(pyreload_notify_fd(HANDLE(handle)));
}

/* One idle call of each kind, in the order of the answer of idle(). */
enum { OFF, LOAD, ON, EPOLL, FIONREAD_, READ, KINDS };

static void call(int kind, pyreload_reloader *reloader, int inotify, int epoll) {
    struct epoll_event event;
    char buffer[4096];
    int bytes;
    switch (kind) {
    case OFF:
        pyreload_trigger(reloader, PYRELOAD_TRIGGER_USER, NULL);
        break;
    case LOAD:
        floor_acquire_load();
        break;
    case ON:
        pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL);
        break;
    case EPOLL:
        epoll_wait(epoll, &event, 1, 0);
        break;
    case FIONREAD_:
        ioctl(inotify, FIONREAD, &bytes);
        break;
    case READ:
        if (read(inotify, buffer, sizeof buffer) < 0 && errno != EAGAIN)
            abort();
        break;
    }
}

/* idle(handle, rounds, batch, gil) -> six lists of nanoseconds per call: a trigger whose kind is
 * off, an acquire load, a trigger whose kind is on, epoll_wait(0), FIONREAD, read. They take
 * turns. With gil = 0 the calls are made without the GIL. */
static PyObject *bench_idle(PyObject *self, PyObject *args) {
    unsigned long long handle;
    int rounds, batch, gil;
    if (!PyArg_ParseTuple(args, "Kiii", &handle, &rounds, &batch, &gil))
        return NULL;
    int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (inotify < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, inotify, &event) != 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    double *took = PyMem_RawMalloc(sizeof(double) * KINDS * rounds);
    if (took == NULL)
        return PyErr_NoMemory();
    PyThreadState *saved = gil ? NULL : PyEval_SaveThread();
    for (int round = 0; round < rounds; round++) {
        for (int kind = 0; kind < KINDS; kind++) {
            long long begin = now_ns();
            for (int i = 0; i < batch; i++)
                call(kind, HANDLE(handle), inotify, epoll);
            took[kind * rounds + round] = (double)(now_ns() - begin) / batch;
        }
    }
    if (saved != NULL)
        PyEval_RestoreThread(saved);
    close(epoll);
    close(inotify);
    PyObject *answer = PyList_New(KINDS);
    for (int kind = 0; kind < KINDS && answer != NULL; kind++) {
        PyObject *list = PyList_New(rounds);
        for (int round = 0; round < rounds && list != NULL; round++)
            PyList_SET_ITEM(list, round, PyFloat_FromDouble(took[kind * rounds + round]));
        PyList_SET_ITEM(answer, kind, list);
    }
    PyMem_RawFree(took);
    return answer;
}

/* The whole of a file in memory of its own, ended by NUL. */
static char *read_file(const char *path, Py_ssize_t *size) {
    struct stat stat;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat) != 0)
        goto fail;
    char *text = PyMem_RawMalloc(stat.st_size + 1);
    if (text == NULL)
        goto fail;
    *size = read(fd, text, stat.st_size);
    close(fd);
    if (*size >= 0) {
        text[*size] = 0;
        return text;
    }
    PyMem_RawFree(text);
    return NULL;
fail:
    if (fd >= 0)
        close(fd);
    return NULL;
}

static Py_ssize_t common_prefix(const char *a, const char *b, Py_ssize_t limit) {
    Py_ssize_t at = 0;
    while (at + 64 <= limit && memcmp(a + at, b + at, 64) == 0)
        at += 64;
    while (at < limit && a[at] == b[at])
        at++;
    return at;
}

static Py_ssize_t common_suffix(const char *a, const char *b, Py_ssize_t limit) {
    Py_ssize_t n = 0;
    while (n + 64 <= limit && memcmp(a - n - 64, b - n - 64, 64) == 0)
        n += 64;
    while (n < limit && a[-n - 1] == b[-n - 1])
        n++;
    return n;
}

/* Compiles the one top-level function around a place in a text and gives its code. */
static PyObject *compile_around(char *text, Py_ssize_t size, Py_ssize_t from, Py_ssize_t to,
                                const char *path) {
    Py_ssize_t start = from;
    while (start > 0 && !((start == 0 || text[start - 1] == '\n')
                          && strncmp(text + start, "def ", 4) == 0))
        start--;
    Py_ssize_t end = to;
    while (end < size && !(text[end] == '\n' && text[end + 1] != ' ' && text[end + 1] != '\n'))
        end++;
    char kept = text[end];
    text[end] = 0;
    PyObject *module = Py_CompileString(text + start, path, Py_file_input);
    text[end] = kept;
    if (module == NULL)
        return NULL;
    PyObject *consts = PyObject_GetAttrString(module, "co_consts");
    Py_DECREF(module);
    PyObject *code = NULL;
    for (Py_ssize_t i = 0; consts != NULL && i < PyTuple_GET_SIZE(consts) && code == NULL; i++) {
        PyObject *item = PyTuple_GET_ITEM(consts, i);
        if (PyCode_Check(item))
            code = Py_NewRef(item);
    }
    Py_XDECREF(consts);
    if (code == NULL && !PyErr_Occurred())
        PyErr_SetString(PyExc_RuntimeError, "no function where the file changed");
    return code;
}

/* Gives each function its code with another first line. */
static int move_all(PyObject *functions, long by) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(functions); i++) {
        PyObject *function = PyList_GET_ITEM(functions, i);
        PyCodeObject *code = (PyCodeObject *)PyFunction_GET_CODE(function);
        PyObject *replace = PyObject_GetAttrString((PyObject *)code, "replace");
        // The function that compile_around() made last time does not know its line.
        long line = code->co_firstlineno + by;
        PyObject *kwargs = Py_BuildValue("{s:l}", "co_firstlineno", line < 1 ? 1 : line);
        PyObject *none = PyTuple_New(0);
        PyObject *moved = NULL;
        if (replace != NULL && kwargs != NULL && none != NULL)
            moved = PyObject_Call(replace, none, kwargs);
        Py_XDECREF(replace);
        Py_XDECREF(kwargs);
        Py_XDECREF(none);
        if (moved == NULL || PyObject_SetAttrString(function, "__code__", moved) != 0)
            return -1;
        Py_DECREF(moved);
    }
    return 0;
}

/* floor_edit([(path, old text, function, functions to move), ...], lines) -> nanoseconds
 * Reads each file, finds what changed, compiles the function around it, gives it to `function`. */
static PyObject *bench_floor_edit(PyObject *self, PyObject *args) {
    PyObject *edits;
    long lines;
    if (!PyArg_ParseTuple(args, "O!l", &PyList_Type, &edits, &lines))
        return NULL;
    long long begin = now_ns();
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(edits); i++) {
        const char *path, *old;
        Py_ssize_t old_size, size;
        PyObject *function, *moved;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(edits, i), "sy#OO", &path, &old, &old_size,
                              &function, &moved))
            return NULL;
        char *text = read_file(path, &size);
        if (text == NULL)
            return PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
        Py_ssize_t limit = size < old_size ? size : old_size;
        Py_ssize_t before = common_prefix(text, old, limit);
        Py_ssize_t after = common_suffix(text + size, old + old_size, limit - before);
        if (function != Py_None) {
            PyObject *code = compile_around(text, size, before, size - after, path);
            if (code == NULL || PyObject_SetAttrString(function, "__code__", code) != 0)
                return NULL;
            Py_DECREF(code);
        }
        PyMem_RawFree(text);
        if (moved != Py_None && move_all(moved, lines) != 0)
            return NULL;
    }
    return PyLong_FromLongLong(now_ns() - begin);
}

/* floor_create(paths, directories) -> nanoseconds to read each file and watch each directory */
static PyObject *bench_floor_create(PyObject *self, PyObject *args) {
    PyObject *paths, *dirs;
    if (!PyArg_ParseTuple(args, "O!O!", &PyList_Type, &paths, &PyList_Type, &dirs))
        return NULL;
    long long begin = now_ns();
    int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(dirs); i++) {
        const char *dir = PyUnicode_AsUTF8(PyList_GET_ITEM(dirs, i));
        if (dir == NULL || inotify_add_watch(inotify, dir, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
            return PyErr_SetFromErrno(PyExc_OSError);
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(paths); i++) {
        Py_ssize_t size;
        const char *path = PyUnicode_AsUTF8(PyList_GET_ITEM(paths, i));
        char *text = path != NULL ? read_file(path, &size) : NULL;
        if (text == NULL)
            return PyErr_SetFromErrno(PyExc_OSError);
        PyMem_RawFree(text);
    }
    long long took = now_ns() - begin;
    close(inotify);
    return PyLong_FromLongLong(took);
}

/* floor_fanout(path, [namespace, ...], name, value) -> nanoseconds to read the file and to bind the
 * name in each namespace: what is left when all else about an importer is known. */
static PyObject *bench_floor_fanout(PyObject *self, PyObject *args) {
    const char *path;
    PyObject *dicts, *name, *value;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "sO!UO", &path, &PyList_Type, &dicts, &name, &value))
        return NULL;
    long long begin = now_ns();
    char *text = read_file(path, &size);
    if (text == NULL)
        return PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    PyMem_RawFree(text);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(dicts); i++)
        if (PyDict_SetItem(PyList_GET_ITEM(dicts, i), name, value) != 0)
            return NULL;
    return PyLong_FromLongLong(now_ns() - begin);
}

/* raw_watch(directory) -> a non-blocking inotify descriptor */
static PyObject *bench_raw_watch(PyObject *self, PyObject *args) {
    const char *dir;
    if (!PyArg_ParseTuple(args, "s", &dir))
        return NULL;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0 || inotify_add_watch(fd, dir, IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
        return PyErr_SetFromErrno(PyExc_OSError);
    return PyLong_FromLong(fd);
}

/* wait(descriptor) -> the clock when it became readable */
static PyObject *bench_wait(PyObject *self, PyObject *args) {
    int fd;
    if (!PyArg_ParseTuple(args, "i", &fd))
        return NULL;
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    long long at;
    int ready;
    Py_BEGIN_ALLOW_THREADS
    ready = poll(&entry, 1, 10000);
    at = now_ns();
    Py_END_ALLOW_THREADS
    if (ready != 1) {
        PyErr_SetString(PyExc_TimeoutError, "nothing to read for ten seconds");
        return NULL;
    }
    return PyLong_FromLongLong(at);
}

static PyMethodDef methods[] = {
    {"create", bench_create, METH_VARARGS, NULL},
    {"destroy", bench_destroy, METH_VARARGS, NULL},
    {"include", bench_include, METH_VARARGS, NULL},
    {"track_imports", bench_track_imports, METH_VARARGS, NULL},
    {"trigger", bench_trigger, METH_VARARGS, NULL},
    {"repeat", bench_repeat, METH_VARARGS, NULL},
    {"stats", bench_stats, METH_VARARGS, NULL},
    {"notify_fd", bench_notify_fd, METH_VARARGS, NULL},
    {"idle", bench_idle, METH_VARARGS, NULL},
    {"floor_edit", bench_floor_edit, METH_VARARGS, NULL},
    {"floor_create", bench_floor_create, METH_VARARGS, NULL},
    {"floor_fanout", bench_floor_fanout, METH_VARARGS, NULL},
    {"raw_watch", bench_raw_watch, METH_VARARGS, NULL},
    {"wait", bench_wait, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "bench", NULL, -1, methods,
                                        NULL, NULL, NULL, NULL};

static PyObject *make_module(void) {
    return PyModule_Create(&definition);
}

int main(int argc, char **argv) {
    PyImport_AppendInittab("bench", make_module);
    return Py_BytesMain(argc, argv);
}
