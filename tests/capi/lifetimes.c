/* Before Py_Initialize(), after Py_FinalizeEx(), and Python ten times over. */
#include "host.h"

static int version;

static void edit(void)
{
    char text[100];
    ++version;
    snprintf(text, sizeof text, "def f():\n    return %d\nv = %d\n", version,
             version);
    host_save("mod.py", text);
}

/* Each function that attaches says INTERPRETER, with a reloader or without. */
static void no_python(pyreload_reloader *dead)
{
    pyreload_reloader *reloader = (pyreload_reloader *)&reloader;
    pyreload_report *report = (pyreload_report *)&report;
    pyreload_module_list *list = (pyreload_module_list *)&list;
    pyreload_options options;

    STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_create(NULL, &reloader));
    CHECK(reloader == NULL);
    CHECK(pyreload_version() == PYRELOAD_VERSION_NUMBER);
    pyreload_options_init(&options, sizeof options);
    CHECK(options.struct_size == sizeof options);
    if (dead) {
        STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_check(dead, 0, &report));
        CHECK(report == NULL);
        STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_reload(dead, "mod", 0, NULL));
        STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_track_imports(dead));
        STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_modules(dead, &list));
        CHECK(list == NULL);
        STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_install_module(dead, NULL));
        OK(pyreload_set_trigger_mode(dead, PYRELOAD_TRIGGER_EVENT));
        OK(pyreload_exclude(dead, "a"));
        pyreload_pending(dead);
    }
}

/* In the next Python a reloader of the one before is refused, never used. */
static void other_python(pyreload_reloader *dead)
{
    pyreload_report *report = (pyreload_report *)&report;
    STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_check(dead, 0, &report));
    CHECK(report == NULL);
    STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_track_imports(dead));
    CHECK(!PyErr_Occurred());
}

static pyreload_reloader *one_life(counter *data, const char *name)
{
    pyreload_options options;
    pyreload_reloader *reloader;

    edit();
    host_run("import mod\nfrom mod import f");
    pyreload_options_init(&options, sizeof options);
    options.trigger_mode = PYRELOAD_TRIGGER_EVENT;
    options.name = name;
    OK(pyreload_create(&options, &reloader));
    OK(pyreload_add_callback(reloader, "k", PYRELOAD_EVENT_AFTER_RELOAD,
                             count_call, data, count_free, NULL));
    OK(pyreload_install_module(reloader, NULL));
    host_run("import pyreload\npyreload.autoreload(True, event=True)");
    edit();
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
    CHECK(host_long("f()") == version && host_long("mod.v") == version);
    host_save("mod.py", "def f(:\n");
    STATUS(PYRELOAD_ERR_RELOAD, pyreload_check(reloader, 0, NULL));
    edit();
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("f()") == version);
    CHECK(data->calls == 3);
    return reloader;
}

int main(void)
{
    enum { lives = 12 };
    counter data[lives];
    pyreload_reloader *reloaders[lives];
    pyreload_reloader *older = NULL;
    int i;

    host_open();
    memset(data, 0, sizeof data);
    no_python(NULL);
    for (i = 0; i < lives; i++) {
        Py_Initialize();
        host_path();
        if (older) {
            other_python(older);
            if (i % 2) {
                /* Destroyed in a later life than its own. */
                pyreload_destroy(older);
                older = NULL;
            }
        }
        /* A name belongs to its Python: the next one starts anew. */
        reloaders[i] = one_life(&data[i],
                                i % 4 == 3 || i % 4 == 0 ? "mine" : NULL);
        CHECK(reloaders[i] != older);
        if (i % 4 == 0) {
            pyreload_destroy(reloaders[i]);     /* the order of the manual */
            CHECK(data[i].freed == 1);
        }
        CHECK(Py_FinalizeEx() == 0);
        if (i % 4 == 0) {
            no_python(NULL);
        } else if (i % 4 == 1) {
            no_python(reloaders[i]);
            pyreload_destroy(reloaders[i]);     /* after its Python */
            CHECK(data[i].freed == 1);
        } else {
            no_python(reloaders[i]);
            CHECK(older == NULL);
            older = reloaders[i];
        }
    }
    no_python(older);
    pyreload_destroy(older);
    for (i = 0; i < lives; i++) {
        CHECK(data[i].freed == 1);
    }
    no_python(NULL);
    demo_close(&host_folder);
    return 0;
}
