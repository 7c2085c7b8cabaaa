/*
 * host.h - what the C tests share. Each test is a program, as a host is one: it
 * brings a Python, ends with status 0 when all its checks held, and never runs
 * longer than its alarm.
 *
 * Compiled in two forms: linked with the library; and with HOST_DLOPEN, where
 * tests/capi.rs puts a table in front that sends each call through dlsym().
 */
#ifndef HOST_H
#define HOST_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pyreload.h>

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "../../examples_c/demo.h"

#ifdef HOST_DLOPEN
#  include <dlfcn.h>
static void *host_library;
static DEMO_UNUSED void *host_symbol(const char *name)
{
    void *symbol;
    if (!host_library) {
        host_library = dlopen(HOST_DLOPEN, RTLD_NOW | RTLD_LOCAL);
        if (!host_library) {
            fprintf(stderr, "%s\n", dlerror());
            exit(1);
        }
    }
    symbol = dlsym(host_library, name);
    if (!symbol) {
        fprintf(stderr, "no %s: %s\n", name, dlerror());
        exit(1);
    }
    return symbol;
}
#  include "dl_calls.h"
#endif

#define CHECK(truth)                                                          \
    ((truth) ? (void)0                                                        \
             : (fprintf(stderr, "%s:%d: not so: %s\n  last error: %s\n",      \
                        __FILE__, __LINE__, #truth, pyreload_last_error()),   \
                exit(1)))

#define STATUS(wanted, call) host_status(__FILE__, __LINE__, #call, wanted, call)
#define OK(call) STATUS(PYRELOAD_OK, call)

static DEMO_UNUSED void host_status(const char *file, int line,
                                    const char *call, int wanted, int got)
{
    const char *sentence = pyreload_last_error();
    if (got != wanted) {
        fprintf(stderr, "%s:%d: %s\n  is %s (%s), not %s\n", file, line, call,
                pyreload_status_string(got), sentence,
                pyreload_status_string(wanted));
        exit(1);
    }
    /* A failure has a sentence, a success has none. */
    if ((got == PYRELOAD_OK) != (*sentence == '\0')) {
        fprintf(stderr, "%s:%d: %s\n  is %s, but the last error is \"%s\"\n",
                file, line, call, pyreload_status_string(got), sentence);
        exit(1);
    }
}

static demo_folder host_folder;

/* In each interpreter: the folder on sys.path, no .pyc files beside sources. */
static DEMO_UNUSED void host_path(void)
{
    PyObject *path = PyUnicode_DecodeFSDefault(host_folder.path);
    CHECK(path && PyList_Insert(PySys_GetObject("path"), 0, path) == 0);
    Py_DECREF(path);
    CHECK(PySys_SetObject("dont_write_bytecode", Py_True) == 0);
}

/* Once in a program: the alarm and the folder. No Python. */
static DEMO_UNUSED void host_open(void)
{
    alarm(100);
    demo_open(&host_folder);
}

static DEMO_UNUSED void host_start(void)
{
    host_open();
    Py_Initialize();
    host_path();
}

static DEMO_UNUSED void host_stop(void)
{
    CHECK(!PyErr_Occurred());
    CHECK(Py_FinalizeEx() == 0);
    demo_close(&host_folder);
}

static DEMO_UNUSED void host_save(const char *name, const char *text)
{
    demo_save(&host_folder, name, text);
}

/* Runs code in __main__. */
static DEMO_UNUSED void host_run(const char *code)
{
    if (PyRun_SimpleString(code) != 0) {
        fprintf(stderr, "the code was: %s\n", code);
        exit(1);
    }
}

/* The value of an expression in __main__, an int. */
static DEMO_UNUSED long host_long(const char *expression)
{
    PyObject *names = PyModule_GetDict(PyImport_AddModule("__main__"));
    PyObject *value = PyRun_String(expression, Py_eval_input, names, names);
    long number;
    if (!value) {
        PyErr_Print();
        fprintf(stderr, "the expression was: %s\n", expression);
        exit(1);
    }
    number = PyLong_AsLong(value);
    CHECK(!PyErr_Occurred());
    Py_DECREF(value);
    return number;
}

static DEMO_UNUSED pyreload_reloader *host_reloader(uint32_t mode)
{
    pyreload_options options;
    pyreload_reloader *reloader = NULL;
    pyreload_options_init(&options, sizeof options);
    options.trigger_mode = mode;
    OK(pyreload_create(&options, &reloader));
    CHECK(reloader != NULL);
    return reloader;
}

static DEMO_UNUSED void host_sleep_ms(long ms)
{
    struct timespec t;
    t.tv_sec = ms / 1000;
    t.tv_nsec = ms % 1000 * 1000000;
    nanosleep(&t, NULL);
}

static DEMO_UNUSED double host_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Waits until another thread, or Python code, sets the flag. */
static DEMO_UNUSED void host_wait_for(int *flag)
{
    double end = host_seconds() + 30;
    while (!__atomic_load_n(flag, __ATOMIC_SEQ_CST)) {
        CHECK(host_seconds() < end);
        host_sleep_ms(1);
    }
}

/* user_data whose free function counts. */
typedef struct {
    int calls, freed;
} counter;

static DEMO_UNUSED void count_free(void *user_data)
{
    __atomic_add_fetch(&((counter *)user_data)->freed, 1, __ATOMIC_SEQ_CST);
}

static DEMO_UNUSED int count_call(pyreload_reloader *reloader,
                                  const pyreload_event *event, void *user_data)
{
    (void)reloader;
    (void)event;
    __atomic_add_fetch(&((counter *)user_data)->calls, 1, __ATOMIC_SEQ_CST);
    return 0;
}

#endif
