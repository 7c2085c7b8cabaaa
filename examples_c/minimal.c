/*
 * minimal.c - a program whose loop runs Python code, and that picks up edits.
 *
 * Shows: create a reloader, trigger before each event, read the report.
 * The object made before the edits is still there after them, with its state,
 * and runs the new code. A file with an error in it is reported once; the
 * program goes on with the code it has.
 *
 *     ./minimal                  plays an editor and edits a module itself
 *     ./minimal FOLDER MODULE    calls MODULE.on_event() once a second: edit
 *                                FOLDER/MODULE.py while it runs
 *
 * Build by hand (see the Makefile for a way that knows about pyenv):
 *
 *     cc -o minimal minimal.c -I../include $(python3-config --includes) \
 *        -L../target/release -lpyreload -Wl,-rpath,'$ORIGIN/../target/release' \
 *        $(python3-config --embed --ldflags)
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pyreload.h>

#include "demo.h"

/* One event of the program: the trigger, then whatever Python is to do. */
static long event(pyreload_reloader *reloader, PyObject *object,
                  const char *method)
{
    pyreload_report *report = NULL;
    PyObject *result;
    long value = -1;

    pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, &report);
    if (report) {
        printf("%s", pyreload_report_text(report));
        pyreload_report_free(report);
    }

    result = PyObject_CallMethod(object, method, NULL);
    if (!result) {
        PyErr_Print();
    } else if (PyLong_Check(result)) {
        value = PyLong_AsLong(result);
    }
    Py_XDECREF(result);
    return value;
}

static PyObject *import(const char *name)
{
    PyObject *module = PyImport_ImportModule(name);
    if (!module) {
        PyErr_Print();
        exit(2);
    }
    return module;
}

/* ./minimal FOLDER MODULE */
static void run_for_real(pyreload_reloader *reloader, const char *name)
{
    PyObject *module = import(name);
    for (;;) {
        event(reloader, module, "on_event");
        sleep(1);
    }
}

/* ./minimal */
static void run_the_demo(pyreload_reloader *reloader, demo_folder *folder)
{
    PyObject *module, *rect, *again;

    demo_save(folder, "shapes.py",
              "class Rect:\n"
              "    def __init__(self, w, h):\n"
              "        self.w, self.h, self.clicks = w, h, 0\n"
              "    def click(self):\n"
              "        self.clicks += 1\n"
              "        value = self.w + self.h          # a mistake\n"
              "        print('  area', value, 'clicks', self.clicks)\n"
              "        return value\n");
    module = import("shapes");
    rect = PyObject_CallMethod(module, "Rect", "ii", 3, 4);
    demo_expect(rect != NULL, "an object");
    pyreload_track_imports(reloader);

    printf("event 1, the file as it was imported:\n");
    demo_expect(event(reloader, rect, "click") == 7, "the old code");

    printf("\n... shapes.py is edited and saved: w + h becomes w * h ...\n");
    demo_save(folder, "shapes.py",
              "class Rect:\n"
              "    def __init__(self, w, h):\n"
              "        self.w, self.h, self.clicks = w, h, 0\n"
              "    def click(self):\n"
              "        self.clicks += 1\n"
              "        value = self.w * self.h\n"
              "        print('  area', value, 'clicks', self.clicks)\n"
              "        return value\n");
    printf("event 2, the same object:\n");
    demo_expect(event(reloader, rect, "click") == 12, "the new code");

    printf("\n... saved with a syntax error ...\n");
    demo_save(folder, "shapes.py", "class Rect:\n    def click(self:\n");
    printf("event 3 goes on with the code it has:\n");
    demo_expect(event(reloader, rect, "click") == 12, "the code as it was");

    printf("\n... saved without the error, and with a new method ...\n");
    demo_save(folder, "shapes.py",
              "class Rect:\n"
              "    def __init__(self, w, h):\n"
              "        self.w, self.h, self.clicks = w, h, 0\n"
              "    def edges(self):\n"
              "        return 2 * (self.w + self.h)\n"
              "    def click(self):\n"
              "        self.clicks += 1\n"
              "        print('  edges', self.edges(), 'clicks', self.clicks)\n"
              "        return self.edges()\n");
    printf("event 4:\n");
    demo_expect(event(reloader, rect, "click") == 14, "the new method");

    again = PyObject_GetAttrString(rect, "clicks");
    demo_expect(again && PyLong_AsLong(again) == 4, "the object's own state");
    Py_XDECREF(again);
    again = PyObject_GetAttrString(module, "Rect");
    demo_expect(again == (PyObject *)Py_TYPE(rect), "the same class");
    Py_XDECREF(again);
    printf("\nok: one process, one object, four events, three versions.\n");
    Py_DECREF(rect);
    Py_DECREF(module);
}

int main(int argc, char **argv)
{
    pyreload_options options;
    pyreload_reloader *reloader;
    demo_folder folder;

    Py_Initialize();

    pyreload_options_init(&options, sizeof options);
    options.trigger_mode = PYRELOAD_TRIGGER_EVENT;
    if (pyreload_create(&options, &reloader) != PYRELOAD_OK) {
        fprintf(stderr, "no hot reload: %s\n", pyreload_last_error());
        return 2;
    }

    if (argc == 3) {
        demo_python(argv[1]);
        run_for_real(reloader, argv[2]);
    } else {
        demo_open(&folder);
        demo_python(folder.path);
        run_the_demo(reloader, &folder);
        demo_close(&folder);
    }

    pyreload_destroy(reloader);
    return Py_FinalizeEx() == 0 ? 0 : 2;
}
