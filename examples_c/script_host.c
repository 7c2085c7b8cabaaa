/*
 * script_host.c - a small laboratory program: it runs scripts and single
 * commands, calls functions when something happens, and has a menu with three
 * switches (reload before a script, a command, an event) and a dialog that
 * lists the modules and reloads the one that is picked.
 *
 * Shows: trigger kinds and the trigger mode, pyreload_track_imports(), the
 * command namespace, module lists, pyreload_reload(), include and exclude,
 * and `import pyreload` for the authors of scripts.
 *
 *     ./script_host              plays a session and checks what it shows
 *     ./script_host FOLDER       reads the same commands from standard input
 *
 * Build by hand:
 *
 *     cc -o script_host script_host.c -I../include \
 *        $(python3-config --includes) -L../target/release -lpyreload \
 *        -Wl,-rpath,'$ORIGIN/../target/release' \
 *        $(python3-config --embed --ldflags)
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pyreload.h>

#include "demo.h"

static const char help[] =
    "  run FILE              run a script of the folder\n"
    "  cmd CODE              run one command\n"
    "  event NAME            call the function NAME of the command namespace\n"
    "  script|command|event on|off    the three switches\n"
    "  list                  the modules, as the reload dialog shows them\n"
    "  reload NAME           reload one, changed or not\n"
    "  exclude|include NAME  leave a module alone, or track it again\n"
    "  quit\n";

typedef struct {
    pyreload_reloader *reloader;
    PyObject *namespace;            /* where commands and scripts run */
    char folder[PATH_MAX];
} host;

/* ---- the three ways into Python --------------------------------------------
 * Each is: trigger, dispatch, track what it imported. The status of the
 * trigger needs no look: the dispatch goes on whatever it was. */

static void before(host *h, uint32_t kind)
{
    pyreload_report *report = NULL;
    pyreload_trigger(h->reloader, kind, &report);
    if (report) {
        printf("%s", pyreload_report_text(report));
    }
    pyreload_report_free(report);
}

static void after(host *h, PyObject *result)
{
    if (!result) {
        PyErr_Print();
    }
    Py_XDECREF(result);
    pyreload_track_imports(h->reloader);
}

static void run_script(host *h, const char *name)
{
    char path[PATH_MAX + 80];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", h->folder, name);
    file = fopen(path, "r");
    if (!file) {
        perror(path);
        return;
    }
    before(h, PYRELOAD_TRIGGER_SCRIPT);
    after(h, PyRun_FileEx(file, path, Py_file_input, h->namespace,
                          h->namespace, 1));
}

static void run_command(host *h, const char *code)
{
    before(h, PYRELOAD_TRIGGER_COMMAND);
    after(h, PyRun_String(code, Py_file_input, h->namespace, h->namespace));
}

static void run_event(host *h, const char *name)
{
    PyObject *function = PyDict_GetItemString(h->namespace, name);
    if (!function) {
        printf("no function %s\n", name);
        return;
    }
    Py_INCREF(function);
    before(h, PYRELOAD_TRIGGER_EVENT);
    after(h, PyObject_CallObject(function, NULL));
    Py_DECREF(function);
}

/* ---- the menu ------------------------------------------------------------ */

static void set_switch(host *h, uint32_t bit, int on)
{
    uint32_t mode = pyreload_trigger_mode(h->reloader);
    pyreload_set_trigger_mode(h->reloader, on ? mode | bit : mode & ~bit);
}

/* The reload dialog: the user's modules; all others are only counted. */
static void show_modules(host *h)
{
    static const char *const names[] = {"-", "current", "stale", "excluded",
                                        "no source"};
    pyreload_module_list *list;
    size_t i, others = 0;

    if (pyreload_modules(h->reloader, &list) != PYRELOAD_OK) {
        printf("%s\n", pyreload_last_error());
        return;
    }
    for (i = 0; i < pyreload_module_list_len(list); i++) {
        const char *path = pyreload_module_list_path(list, i);
        int state = (int)pyreload_module_list_state(list, i);
        if (!pyreload_module_list_is_user(list, i)) {
            others++;
            continue;
        }
        printf("  %-10s %-9s reloaded %lu times   %s\n",
               pyreload_module_list_name(list, i),
               state >= 0 && state <= 4 ? names[state] : "?",
               (unsigned long)pyreload_module_list_reload_count(list, i),
               path ? path : "");
    }
    printf("  and %lu modules that are built in or belong to a library\n",
           (unsigned long)others);
    pyreload_module_list_free(list);
}

static void reload_one(host *h, const char *name)
{
    pyreload_report *report;
    pyreload_status status = pyreload_reload(h->reloader, name,
                                             PYRELOAD_CHECK_FORCE, &report);
    if (status != PYRELOAD_OK) {
        printf("%s: %s\n", pyreload_status_string(status),
               pyreload_last_error());
    }
    if (report) {
        printf("%s", pyreload_report_text(report));
    }
    pyreload_report_free(report);
}

/* One line of the session; 0 when it was the last. */
static int line(host *h, const char *text)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } switches[] = {
        {"script ", PYRELOAD_TRIGGER_SCRIPT},
        {"command ", PYRELOAD_TRIGGER_COMMAND},
        {"event ", PYRELOAD_TRIGGER_EVENT},
    };
    size_t i;

    for (i = 0; i < 3; i++) {
        size_t n = strlen(switches[i].name);
        if (strncmp(text, switches[i].name, n) == 0
            && (strcmp(text + n, "on") == 0 || strcmp(text + n, "off") == 0)) {
            set_switch(h, switches[i].bit, strcmp(text + n, "on") == 0);
            return 1;
        }
    }
    if (strncmp(text, "run ", 4) == 0) {
        run_script(h, text + 4);
    } else if (strncmp(text, "cmd ", 4) == 0) {
        run_command(h, text + 4);
    } else if (strncmp(text, "event ", 6) == 0) {
        run_event(h, text + 6);
    } else if (strncmp(text, "reload ", 7) == 0) {
        reload_one(h, text + 7);
    } else if (strncmp(text, "exclude ", 8) == 0) {
        pyreload_exclude(h->reloader, text + 8);
    } else if (strncmp(text, "include ", 8) == 0) {
        pyreload_include(h->reloader, text + 8);
    } else if (strcmp(text, "list") == 0) {
        show_modules(h);
    } else if (strcmp(text, "quit") == 0) {
        return 0;
    } else if (*text) {
        printf("%s", help);
    }
    return 1;
}

static void interactive(host *h)
{
    char text[4096];
    while (printf("> "), fflush(stdout), fgets(text, sizeof text, stdin)) {
        text[strcspn(text, "\r\n")] = '\0';
        if (!line(h, text)) {
            break;
        }
    }
}

/* ---- the session that is played -------------------------------------------*/

static void say(host *h, const char *text)
{
    printf("> %s\n", text);
    line(h, text);
}

static long number(host *h, const char *name)
{
    PyObject *value = PyDict_GetItemString(h->namespace, name);
    return value && PyLong_Check(value) ? PyLong_AsLong(value) : -1;
}

static void play(host *h, demo_folder *folder)
{
    demo_save(folder, "limits.py", "GAIN = 2\n");
    demo_save(folder, "sensor.py",
              "from limits import GAIN\n"
              "class Sensor:\n"
              "    reads = 0\n"
              "    def read(self):\n"
              "        self.reads += 1\n"
              "        return 10 * GAIN\n");
    demo_save(folder, "start.py",
              "from limits import GAIN\n"
              "from sensor import Sensor\n"
              "sensor = Sensor()\n"
              "def clicked():\n"
              "    global shown\n"
              "    shown = sensor.read()\n"
              "    print('  sensor shows', shown)\n");

    say(h, "script on");
    say(h, "run start.py");
    say(h, "event clicked");
    demo_expect(number(h, "shown") == 20, "the program as it was started");

    printf("\n... limits.py is saved with GAIN = 3 ...\n");
    demo_save(folder, "limits.py", "GAIN = 3\n");
    say(h, "event clicked");
    demo_expect(number(h, "shown") == 20, "events are switched off: old code");
    say(h, "event on");
    say(h, "event clicked");
    demo_expect(number(h, "shown") == 30, "the new value, through two modules");
    demo_expect(number(h, "GAIN") == 3, "the command namespace follows");

    printf("\n... sensor.py is saved: read() adds an offset ...\n");
    demo_save(folder, "sensor.py",
              "from limits import GAIN\n"
              "class Sensor:\n"
              "    reads = 0\n"
              "    def read(self):\n"
              "        self.reads += 1\n"
              "        return 10 * GAIN + 1\n");
    say(h, "cmd shown = sensor.read()");
    demo_expect(number(h, "shown") == 30, "commands are switched off");
    say(h, "command on");
    say(h, "cmd shown = sensor.read()");
    demo_expect(number(h, "shown") == 31, "the live sensor runs the new code");
    say(h, "cmd reads = sensor.reads");
    demo_expect(number(h, "reads") == 5, "and kept its count");

    printf("\nThe reload dialog, and one module left alone:\n");
    say(h, "list");
    say(h, "exclude limits");
    demo_save(folder, "limits.py", "GAIN = 5\n");
    say(h, "cmd shown = sensor.read()");
    demo_expect(number(h, "shown") == 31, "limits is excluded");
    say(h, "list");
    say(h, "reload limits");
    say(h, "cmd shown = sensor.read()");
    demo_expect(number(h, "shown") == 51, "but can be picked in the dialog");

    printf("\nThe author of a script has a say too:\n");
    say(h, "cmd import pyreload; pyreload.autoreload(True, script=False, "
           "command=True, event=False)");
    demo_expect(pyreload_trigger_mode(h->reloader) == PYRELOAD_TRIGGER_COMMAND,
                "pyreload.autoreload() sets the switches");
    printf("\nok: three switches, one live object, no restart.\n");
}

int main(int argc, char **argv)
{
    host h;
    demo_folder folder;

    Py_Initialize();
    if (argc > 1) {
        snprintf(h.folder, sizeof h.folder, "%s", argv[1]);
    } else {
        demo_open(&folder);
        snprintf(h.folder, sizeof h.folder, "%s", folder.path);
    }
    demo_python(h.folder);

    /* A namespace of its own, as programs have that keep __main__ clean.
     * The reloader has to be told of it; of __main__ it knows. */
    h.namespace = PyDict_New();
    PyDict_SetItemString(h.namespace, "__builtins__", PyEval_GetBuiltins());

    if (pyreload_create(NULL, &h.reloader) != PYRELOAD_OK
        || pyreload_track_namespace(h.reloader, h.namespace) != PYRELOAD_OK
        || pyreload_install_module(h.reloader, NULL) != PYRELOAD_OK) {
        fprintf(stderr, "no hot reload: %s\n", pyreload_last_error());
        /* h.reloader may be NULL from here on: then all is quiet. */
    }

    if (argc > 1) {
        printf("%s", help);
        interactive(&h);
    } else {
        play(&h, &folder);
        demo_close(&folder);
    }

    pyreload_destroy(h.reloader);
    Py_DECREF(h.namespace);
    return Py_FinalizeEx() == 0 ? 0 : 2;
}
