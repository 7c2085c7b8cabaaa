/*
 * The GIL, in all the ways a host may hold it, or not: pyo3 counts attachments
 * per thread, and believed that it held the GIL when a callback, or Python code
 * below it, had let go of it. Each call returns in the state it was called in.
 */
#include "host.h"

static int version;
static pyreload_reloader *reloader;

static void edit(const char *more)
{
    char text[2000];
    snprintf(text, sizeof text, "value = %d\n%s", ++version, more);
    host_save("mod.py", text);
}

/* Everything that attaches, and does not change modules. */
static void look_around(int attached)
{
    pyreload_module_list *list;
    CHECK(PyGILState_Check() == attached);
    OK(pyreload_track_imports(reloader));
    CHECK(PyGILState_Check() == attached);
    OK(pyreload_modules(reloader, &list));
    CHECK(PyGILState_Check() == attached);
    CHECK(pyreload_module_list_len(list) > 10);
    pyreload_module_list_free(list);
}

static void check_live(int attached)
{
    PyGILState_STATE state;
    edit("");
    CHECK(PyGILState_Check() == attached);
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(PyGILState_Check() == attached);
    look_around(attached);
    state = PyGILState_Ensure();
    CHECK(host_long("mod.value") == version);
    PyGILState_Release(state);
}

static void with_and_without(void)
{
    PyThreadState *saved;

    check_live(1);
    saved = PyEval_SaveThread();
    check_live(0);
    PyEval_RestoreThread(saved);
    check_live(1);
    CHECK(PyThreadState_Get() == saved);
}

static void *never_seen(void *unused)
{
    (void)unused;
    check_live(0);
    check_live(0);
    return NULL;
}

/* A thread that Python has never seen, while nobody holds the GIL. */
static void foreign_thread(void)
{
    pthread_t thread;
    Py_BEGIN_ALLOW_THREADS
    CHECK(pthread_create(&thread, NULL, never_seen, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    Py_END_ALLOW_THREADS
}

/* Trap 1: a callback lets go of the GIL and calls the library again. */
static int lets_go(pyreload_reloader *r, const pyreload_event *event,
                   void *user_data)
{
    (void)r, (void)event;
    CHECK(PyGILState_Check());
    Py_BEGIN_ALLOW_THREADS
    look_around(0);
    STATUS(PYRELOAD_ERR_REENTRANT, pyreload_check(reloader, 0, NULL));
    OK(pyreload_add_callback(reloader, "inner", PYRELOAD_EVENT_AFTER_RELOAD,
                             count_call, user_data, NULL, NULL));
    Py_END_ALLOW_THREADS
    look_around(1);
    return 0;
}

static void callback_lets_go(void)
{
    counter data = {0, 0};
    uint64_t id;
    OK(pyreload_add_callback(reloader, NULL,
                             PYRELOAD_EVENT_BEFORE_RELOAD
                                 | PYRELOAD_EVENT_MODULE_RELOADED
                                 | PYRELOAD_EVENT_AFTER_RELOAD,
                             lets_go, &data, NULL, &id));
    check_live(1);
    Py_BEGIN_ALLOW_THREADS
    check_live(0);
    Py_END_ALLOW_THREADS
    OK(pyreload_remove_callback(reloader, id));
}

/* Trap 2: Python code that a check runs calls the library by ctypes.CDLL, which
 * lets go of the GIL around the call. It is refused, and all goes on. */
static void python_below_calls(void)
{
    char code[1500];
    /* Without the library's path Python finds what this process has loaded. */
    snprintf(code, sizeof code,
             "import ctypes, os\n"
             "lib = ctypes.CDLL(os.environ['PYRELOAD_LIBRARY'])\n"
             "lib.pyreload_check.argtypes = [ctypes.c_void_p, ctypes.c_uint32,"
             " ctypes.c_void_p]\n"
             "lib.pyreload_track_imports.argtypes = [ctypes.c_void_p]\n"
             "got = lib.pyreload_check(%llu, 0, None)\n"
             "looked = lib.pyreload_track_imports(%llu)\n"
             "held = ctypes.PyDLL(os.environ['PYRELOAD_LIBRARY'])\n"
             "held.pyreload_check.argtypes = lib.pyreload_check.argtypes\n"
             "got_held = held.pyreload_check(%llu, 0, None)\n",
             (unsigned long long)(uintptr_t)reloader,
             (unsigned long long)(uintptr_t)reloader,
             (unsigned long long)(uintptr_t)reloader);
    edit(code);
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("mod.value") == version);
    CHECK(host_long("mod.got") == PYRELOAD_ERR_REENTRANT);
    CHECK(host_long("mod.got_held") == PYRELOAD_ERR_REENTRANT);
    CHECK(host_long("mod.looked") == PYRELOAD_OK);
}

/* Python code calls, as scripts in gdb, vim or a notebook do. */
static void python_above_calls(void)
{
    char code[1000];
    edit("");
    snprintf(code, sizeof code,
             "import ctypes, os, threading\n"
             "def call(kind):\n"
             "    f = kind(os.environ['PYRELOAD_LIBRARY']).pyreload_check\n"
             "    f.argtypes = [ctypes.c_void_p, ctypes.c_uint32,"
             " ctypes.c_void_p]\n"
             "    return f(%llu, 0, None)\n"
             "assert call(ctypes.PyDLL) == 0\n"
             "assert mod.value == %d\n"
             "assert call(ctypes.CDLL) == 0\n"
             "got = []\n"
             "t = threading.Thread(target=lambda: got.append("
             "call(ctypes.CDLL) or call(ctypes.PyDLL)))\n"
             "t.start(); t.join()\n"
             "assert got == [0], got\n",
             (unsigned long long)(uintptr_t)reloader, version);
    host_run(code);
}

int main(void)
{
    host_start();
    edit("");
    host_run("import mod");
    reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    with_and_without();
    foreign_thread();
    callback_lets_go();
    python_below_calls();
    python_above_calls();
    with_and_without();

    /* Created and destroyed without the GIL, too. */
    Py_BEGIN_ALLOW_THREADS
    pyreload_destroy(reloader);
    reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    CHECK(!PyGILState_Check());
    Py_END_ALLOW_THREADS
    with_and_without();
    foreign_thread();
    pyreload_destroy(reloader);
    host_stop();
    return 0;
}
