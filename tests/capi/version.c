/* Chapter 1: the version, before there is a Python, with one, and after. */
#include "host.h"

static void versions(void)
{
    char text[64];
    snprintf(text, sizeof text, "%d.%d.%d", PYRELOAD_VERSION_MAJOR,
             PYRELOAD_VERSION_MINOR, PYRELOAD_VERSION_PATCH);
    CHECK(pyreload_version() == PYRELOAD_VERSION_NUMBER);
    CHECK(strcmp(pyreload_version_string(), text) == 0);
}

int main(void)
{
    versions();
    host_start();
    versions();
    host_stop();
    versions();
    return 0;
}
