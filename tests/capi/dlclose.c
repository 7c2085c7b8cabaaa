/*
 * A plug-in system unloads the library while Python still lives, and Python
 * ends later: what the library left there (the importable module, a function
 * for the end of Python) must still have its code.
 * Only the dlopen form can do that; linked, this is a plain life.
 */
#include "host.h"

static void life(int destroy)
{
    pyreload_reloader *reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    OK(pyreload_install_module(reloader, NULL));
    host_save("mod.py", "value = 1\n");
    host_run("import mod, pyreload");
    OK(pyreload_track_imports(reloader));
    host_save("mod.py", "value = 2\n");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("mod.value") == 2);
    if (destroy) {
        pyreload_destroy(reloader);
    }
#ifdef HOST_DLOPEN
    CHECK(dlclose(host_library) == 0);
    host_library = NULL;
#endif
    host_run("try:\n    pyreload.modules()\nexcept Exception:\n    pass\n");
}

int main(void)
{
    host_open();
    Py_Initialize();
    host_path();
    life(1);
    life(1);
    life(0);
    CHECK(Py_FinalizeEx() == 0);
    Py_Initialize();
    host_path();
    life(0);
    CHECK(Py_FinalizeEx() == 0);
    demo_close(&host_folder);
    return 0;
}
