/*
 * Calls from a thread that is attached to a sub-interpreter (WeeChat gives each
 * script one, mod_wsgi each application): refused, and never a hang. On 3.9 to
 * 3.11 PyGILState_Ensure() would deadlock there.
 */
#include "host.h"

static pyreload_reloader *reloader;

static void refused(void)
{
    pyreload_report *report = (pyreload_report *)&report;
    pyreload_module_list *list = (pyreload_module_list *)&list;
    pyreload_reloader *other = (pyreload_reloader *)&other;
    PyObject *dict = PyDict_New();
    int status;

    alarm(20);
    STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_check(reloader, 0, &report));
    CHECK(report == NULL);
    STATUS(PYRELOAD_ERR_INTERPRETER,
           pyreload_reload(reloader, "mod", 0, NULL));
    STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_track_imports(reloader));
    STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_modules(reloader, &list));
    CHECK(list == NULL);
    STATUS(PYRELOAD_ERR_INTERPRETER,
           pyreload_track_namespace(reloader, dict));
    STATUS(PYRELOAD_ERR_INTERPRETER,
           pyreload_forget_namespace(reloader, dict));
    STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_install_module(reloader, NULL));
    STATUS(PYRELOAD_ERR_INTERPRETER,
           pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
    /* What needs no Python is of use. */
    OK(pyreload_set_trigger_mode(reloader, PYRELOAD_TRIGGER_EVENT));
    OK(pyreload_exclude(reloader, "nothing"));
    OK(pyreload_forget_rule(reloader, "nothing"));
    CHECK(pyreload_trigger_mode(reloader) == PYRELOAD_TRIGGER_EVENT);

    /* A reloader of this interpreter's own: not served, and said. */
    status = pyreload_create(NULL, &other);
    CHECK(status == PYRELOAD_ERR_INTERPRETER
          || status == PYRELOAD_ERR_UNSUPPORTED);
    CHECK(other == NULL && *pyreload_last_error());

    CHECK(!PyErr_Occurred());
    Py_DECREF(dict);
    CHECK(PyRun_SimpleString("import sys; assert 'mod' not in sys.modules")
          == 0);
    alarm(100);
}

static void *on_a_thread(void *interpreter)
{
    PyThreadState *state = PyThreadState_New(interpreter);
    PyEval_RestoreThread(state);
    refused();
    PyThreadState_Clear(state);
    PyThreadState_DeleteCurrent();
    return NULL;
}

int main(void)
{
    PyThreadState *main_state, *sub;
    pyreload_reloader *doomed;
    pthread_t thread;

    host_start();
    host_save("mod.py", "value = 1\n");
    host_run("import mod");
    reloader = host_reloader(PYRELOAD_TRIGGER_EVENT);
    doomed = host_reloader(PYRELOAD_TRIGGER_NONE);
    host_save("mod.py", "value = 2\n");

    main_state = PyThreadState_Get();
    sub = Py_NewInterpreter();
    CHECK(sub != NULL && PyThreadState_Get() == sub);
    refused();
    CHECK(PyThreadState_Get() == sub);
    /* Ending one from there frees what it can, and does not hang. */
    alarm(20);
    pyreload_destroy(doomed);
    alarm(100);
    CHECK(PyThreadState_Get() == sub);

    PyEval_SaveThread();
    CHECK(pthread_create(&thread, NULL, on_a_thread, sub->interp) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    PyEval_RestoreThread(sub);

    Py_EndInterpreter(sub);
    PyThreadState_Swap(main_state);

#if PY_VERSION_HEX >= 0x030C0000
    {
        PyInterpreterConfig config = {
            .check_multi_interp_extensions = 1,
            .gil = PyInterpreterConfig_OWN_GIL,
        };
        PyStatus status = Py_NewInterpreterFromConfig(&sub, &config);
        CHECK(!PyStatus_Exception(status));
        refused();
        CHECK(PyThreadState_Get() == sub);
        Py_EndInterpreter(sub);
        PyThreadState_Swap(main_state);
    }
#endif

    /* In its own interpreter all is as it was, and the edit still pending. */
    CHECK(host_long("mod.value") == 1);
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
    CHECK(host_long("mod.value") == 2);
    pyreload_destroy(reloader);
    host_stop();
    return 0;
}
