/*
 * Python is finalized while a check runs on another thread: the process must
 * end well. Up to 3.13 the thread is unwound by force when it comes back into
 * Python, which a Rust frame does not survive; so the library holds the end up
 * until the check is over (for a while), and refuses later ones.
 */
#include "host.h"

static pyreload_reloader *reloader;
static int entered, left, status_of_check = -1, status_of_next = -1;

static void *checks(void *unused)
{
    (void)unused;
    status_of_check = pyreload_check(reloader, 0, NULL);
    status_of_next = pyreload_check(reloader, 0, NULL);
    __atomic_store_n(&left, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    char text[500];

    host_start();
    host_save("mod.py", "value = 1\n");
    host_run("import mod, ctypes, time");
    reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    snprintf(text, sizeof text,
             "import ctypes, time\n"
             "ctypes.c_int.from_address(%llu).value = 1\n"
             "time.sleep(0.3)\n"
             "value = 2\n", (unsigned long long)(uintptr_t)&entered);
    host_save("mod.py", text);

    Py_BEGIN_ALLOW_THREADS
    CHECK(pthread_create(&thread, NULL, checks, NULL) == 0);
    host_wait_for(&entered);
    Py_END_ALLOW_THREADS

    CHECK(Py_FinalizeEx() == 0);

    host_wait_for(&left);
    CHECK(status_of_check == PYRELOAD_OK);
    CHECK(status_of_next == PYRELOAD_OK
          || status_of_next == PYRELOAD_ERR_INTERPRETER);
    STATUS(PYRELOAD_ERR_INTERPRETER, pyreload_check(reloader, 0, NULL));
    pyreload_destroy(reloader);
    demo_close(&host_folder);
    return 0;
}
