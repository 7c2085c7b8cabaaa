/*
 * An interpreter like `python3`, for a libpython that lies somewhere else: home is compiled in,
 * since the runners of cases drop the environment's PYTHONHOME.
 */
#include <Python.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    setenv("PYTHONHOME", PYTHON_HOME, 0);
    return Py_BytesMain(argc, argv);
}
