/* Several threads: one gets in, the others are told BUSY at once. */
#include "host.h"

static pyreload_reloader *reloader;
static int entered;     /* set by the module's code, through ctypes */
static int may_leave;

/* What a second thread gets while the first is inside a check. */
static void *second(void *with_gil)
{
    pyreload_report *report = (pyreload_report *)&report;
    pyreload_module_list *list;
    PyGILState_STATE state = PyGILState_UNLOCKED;
    counter data = {0, 0};
    double start;
    uint64_t id;

    host_wait_for(&entered);
    if (with_gil) {
        state = PyGILState_Ensure();
    }
    start = host_seconds();
    STATUS(PYRELOAD_ERR_BUSY, pyreload_check(reloader, 0, &report));
    CHECK(report == NULL);
    STATUS(PYRELOAD_ERR_BUSY, pyreload_reload(reloader, "mod", 0, NULL));
    STATUS(PYRELOAD_ERR_BUSY, pyreload_install_module(reloader, "busy"));
    /* Functions for any thread go on. */
    OK(pyreload_set_trigger_mode(reloader, PYRELOAD_TRIGGER_SCRIPT));
    OK(pyreload_exclude(reloader, "nothing"));
    OK(pyreload_forget_rule(reloader, "nothing"));
    OK(pyreload_modules(reloader, &list));
    pyreload_module_list_free(list);
    OK(pyreload_add_callback(reloader, "x", PYRELOAD_EVENT_MODULE_FAILED,
                             count_call, &data, count_free, &id));
    OK(pyreload_remove_callback(reloader, id));
    CHECK(data.freed == 1);
    pyreload_pending(reloader);
    /* "At once": generous, since this machine may be loaded. */
    CHECK(host_seconds() - start < 20);
    if (with_gil) {
        PyGILState_Release(state);
    }
    __atomic_store_n(&may_leave, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void busy(int with_gil)
{
    pthread_t thread;
    char text[1000];
    static int version = 100;

    entered = may_leave = 0;
    snprintf(text, sizeof text,
             "value = %d\n"
             "import ctypes, time\n"
             /* They read what changed, so that they run again. */
             "ctypes.c_int.from_address(%llu).value = value > 0\n"
             "while value and not ctypes.c_int.from_address(%llu).value:\n"
             "    time.sleep(0.001)\n",
             ++version, (unsigned long long)(uintptr_t)&entered,
             (unsigned long long)(uintptr_t)&may_leave);
    host_save("mod.py", text);
    CHECK(pthread_create(&thread, NULL, second, with_gil ? &entered : NULL)
          == 0);
    OK(pyreload_check(reloader, 0, NULL));
    Py_BEGIN_ALLOW_THREADS
    CHECK(pthread_join(thread, NULL) == 0);
    Py_END_ALLOW_THREADS
    CHECK(host_long("mod.value") == version);
}

/* Many threads that all check; saves go on meanwhile. */
static int wrong_status;

static void *checks(void *unused)
{
    int i;
    (void)unused;
    for (i = 0; i < 150; i++) {
        pyreload_report *report;
        int status = pyreload_check(reloader, 0, &report);
        pyreload_report_free(report);
        if (status != PYRELOAD_OK && status != PYRELOAD_ERR_BUSY) {
            fprintf(stderr, "%s: %s\n", pyreload_status_string(status),
                    pyreload_last_error());
            __atomic_store_n(&wrong_status, status, __ATOMIC_SEQ_CST);
        }
        if (i % 10 == 0) {
            host_sleep_ms(1);
        }
    }
    return NULL;
}

static void crowd(void)
{
    pthread_t threads[4];
    char text[200];
    int i;

    Py_BEGIN_ALLOW_THREADS
    for (i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, checks, NULL) == 0);
    }
    for (i = 1; i <= 100; i++) {
        snprintf(text, sizeof text,
                 "value = %d\n"
                 "class C:\n    def m(self):\n        return %d\n", i, i);
        host_save("crowd.py", text);
        host_sleep_ms(1);
    }
    for (i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    Py_END_ALLOW_THREADS
    CHECK(wrong_status == 0);
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("crowd.value") == 100);
    CHECK(host_long("c.m()") == 100);
}

/* From within: re-entrant calls on the thread of the check. */
static int within(pyreload_reloader *r, const pyreload_event *event,
                  void *user_data)
{
    pyreload_report *report = (pyreload_report *)&report;
    (void)event;
    CHECK(r == reloader);
    STATUS(PYRELOAD_ERR_REENTRANT, pyreload_check(r, 0, &report));
    CHECK(report == NULL);
    STATUS(PYRELOAD_ERR_REENTRANT, pyreload_reload(r, "mod", 0, NULL));
    STATUS(PYRELOAD_ERR_REENTRANT,
           pyreload_trigger(r, PYRELOAD_TRIGGER_EVENT, NULL));
    STATUS(PYRELOAD_ERR_REENTRANT, pyreload_install_module(r, NULL));
    OK(pyreload_track_imports(r));
    OK(pyreload_set_trigger_mode(r, PYRELOAD_TRIGGER_ALL));
    ++*(int *)user_data;
    return 0;
}

static void reentrant(void)
{
    uint64_t id;
    int calls = 0;
    OK(pyreload_set_trigger_mode(reloader, PYRELOAD_TRIGGER_ALL));
    OK(pyreload_add_callback(reloader, NULL,
                             PYRELOAD_EVENT_BEFORE_RELOAD
                                 | PYRELOAD_EVENT_MODULE_RELOADED
                                 | PYRELOAD_EVENT_AFTER_RELOAD,
                             within, &calls, NULL, &id));
    host_save("mod.py", "value = 1\n");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(calls == 3);
    OK(pyreload_remove_callback(reloader, id));

    /* And from module code, through the module that scripts import. */
    OK(pyreload_install_module(reloader, NULL));
    host_save("mod.py", "import pyreload\n"
                        "try:\n"
                        "    pyreload.check()\n"
                        "    value = 0\n"
                        "except Exception as e:\n"
                        "    value = 2\n");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("mod.value") == 2);
}

int main(void)
{
    host_start();
    host_save("mod.py", "value = 0\n");
    host_save("crowd.py", "value = 0\n"
                          "class C:\n    def m(self):\n        return 0\n");
    host_run("import mod, crowd, ctypes\nc = crowd.C()");
    reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    busy(0);
    busy(1);
    crowd();
    reentrant();
    pyreload_destroy(reloader);
    host_stop();
    return 0;
}
