/*
 * notebook_hook.c - a notebook kernel: before each cell it calls its
 * pre-execute hooks. The cell that sets hot reload up is run twice, as users
 * do; nothing is done twice for that.
 *
 * Shows: a named reloader, a keyed callback, user_data and its free function,
 * and a hook that is as good as free when there is nothing to do.
 *
 * IJulia, IRkernel and ipykernel have such hooks; the set-up is the same there
 * (README, "Other languages").
 *
 * Build by hand:
 *
 *     cc -o notebook_hook notebook_hook.c -I../include \
 *        $(python3-config --includes) -L../target/release -lpyreload \
 *        -Wl,-rpath,'$ORIGIN/../target/release' \
 *        $(python3-config --embed --ldflags)
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pyreload.h>

#include <time.h>

#include "demo.h"

/* ---- the kernel: it knows nothing of reloading ----------------------------*/

typedef void (*hook_fn)(void *);

static struct {
    hook_fn call;
    void *data;
} hooks[8];
static int hook_count;

static void push_preexecute_hook(hook_fn call, void *data)
{
    if (hook_count < 8) {
        hooks[hook_count].call = call;
        hooks[hook_count++].data = data;
    }
}

static void execute_cell(const char *code)
{
    int i;
    for (i = 0; i < hook_count; i++) {
        hooks[i].call(hooks[i].data);
    }
    printf("In: %s\n", code);
    if (PyRun_SimpleString(code) != 0) {
        demo_expect(0, "a cell that runs");
    }
}

/* ---- the set-up cell -------------------------------------------------------*/

typedef struct {
    const char *mark;
    int *shown, *freed;
} painter;

static int paint(pyreload_reloader *reloader, const pyreload_event *event,
                 void *user_data)
{
    painter *p = user_data;
    (void)reloader;
    ++*p->shown;
    printf("%s %s\n", p->mark,
           pyreload_module_report_name(pyreload_event_module(event)));
    return 0;
}

static void free_painter(void *user_data)
{
    painter *p = user_data;
    ++*p->freed;
    free(p);
}

static void before_cell(void *data)
{
    pyreload_trigger(data, PYRELOAD_TRIGGER_COMMAND, NULL);
}

static pyreload_reloader *set_up(const char *mark, int *shown, int *freed)
{
    pyreload_options options;
    pyreload_reloader *reloader;
    painter *p = malloc(sizeof *p);

    demo_expect(p != NULL, "memory");
    p->mark = mark;
    p->shown = shown;
    p->freed = freed;

    pyreload_options_init(&options, sizeof options);
    options.name = "notebook";          /* the second create() finds the first */
    options.trigger_mode = PYRELOAD_TRIGGER_COMMAND;
    if (pyreload_create(&options, &reloader) != PYRELOAD_OK) {
        fprintf(stderr, "no hot reload: %s\n", pyreload_last_error());
        exit(2);
    }
    /* The key makes the second registration replace the first; p is the
     * library's from here on, also if this failed. */
    pyreload_add_callback(reloader, "painter", PYRELOAD_EVENT_MODULE_RELOADED,
                          paint, p, free_painter, NULL);
    push_preexecute_hook(before_cell, reloader);
    return reloader;
}

static long number(const char *name)
{
    PyObject *main_dict = PyModule_GetDict(PyImport_AddModule("__main__"));
    PyObject *value = PyDict_GetItemString(main_dict, name);
    return value && PyLong_Check(value) ? PyLong_AsLong(value) : -1;
}

int main(void)
{
    pyreload_reloader *first, *second;
    demo_folder folder;
    struct timespec a, b;
    int shown = 0, freed = 0, i;

    Py_Initialize();
    demo_open(&folder);
    demo_python(folder.path);
    demo_save(&folder, "model.py",
              "def fit(x):\n"
              "    return x + 1\n");

    first = set_up("[1st set-up] reloaded:", &shown, &freed);
    second = set_up("[2nd set-up] reloaded:", &shown, &freed);
    demo_expect(first == second, "one reloader for both set-ups");
    demo_expect(freed == 1, "the first user_data freed as it was replaced");

    execute_cell("from model import fit; a = fit(1)");
    demo_expect(number("a") == 2, "the first version");
    printf("\n... model.py is saved: x + 1 becomes x * 100 ...\n");
    demo_save(&folder, "model.py",
              "def fit(x):\n"
              "    return x * 100\n");
    execute_cell("a = fit(1)");
    demo_expect(number("a") == 100, "the imported name runs the new code");
    demo_expect(shown == 1, "one callback, though two hooks ran");

    clock_gettime(CLOCK_MONOTONIC, &a);
    for (i = 0; i < 10000; i++) {
        pyreload_trigger(first, PYRELOAD_TRIGGER_COMMAND, NULL);
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("\na hook with nothing to do took %.0f ns\n",
           ((double)(b.tv_sec - a.tv_sec) * 1e9
            + (double)(b.tv_nsec - a.tv_nsec)) / 10000);

    /* Two creates, two destroys: the last one ends it. */
    pyreload_destroy(first);
    demo_expect(freed == 1, "still alive for the other holder");
    pyreload_destroy(second);
    demo_expect(freed == 2, "all user_data freed, each once");
    demo_close(&folder);
    printf("ok: set up twice, reloaded once.\n");
    return Py_FinalizeEx() == 0 ? 0 : 2;
}
