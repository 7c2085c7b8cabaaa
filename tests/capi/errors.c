/* Chapter 2: names of the statuses; the last error of each thread. */
#include "host.h"

static void *other_thread(void *reloader)
{
    CHECK(strcmp(pyreload_last_error(), "") == 0);
    STATUS(PYRELOAD_ERR_NOT_FOUND, pyreload_forget_rule(reloader, "there"));
    CHECK(strstr(pyreload_last_error(), "there") != NULL);
    return NULL;
}

int main(void)
{
    static const char *const names[] = {
        "PYRELOAD_OK",           "PYRELOAD_ERR_RELOAD",
        "PYRELOAD_ERR_ARGUMENT", "PYRELOAD_ERR_NOT_FOUND",
        "PYRELOAD_ERR_BUSY",     "PYRELOAD_ERR_REENTRANT",
        "PYRELOAD_ERR_INTERPRETER", "PYRELOAD_ERR_UNSUPPORTED",
        "PYRELOAD_ERR_OS",       "PYRELOAD_ERR_CANCELLED",
        "PYRELOAD_ERR_INTERNAL"};
    pyreload_reloader *reloader;
    pthread_t thread;
    char kept[200];
    int i;

    for (i = 0; i < 11; i++) {
        CHECK(strcmp(pyreload_status_string(i), names[i]) == 0);
    }
    CHECK(strcmp(pyreload_status_string(-1), "unknown status") == 0);
    CHECK(strcmp(pyreload_status_string(11), "unknown status") == 0);
    CHECK(strcmp(pyreload_status_string(INT_MAX), "unknown status") == 0);
    CHECK(strcmp(pyreload_last_error(), "") == 0);

    host_start();
    reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    STATUS(PYRELOAD_ERR_NOT_FOUND, pyreload_forget_rule(reloader, "here"));
    CHECK(strstr(pyreload_last_error(), "here") != NULL);
    snprintf(kept, sizeof kept, "%s", pyreload_last_error());

    /* What returns no status leaves it; another thread has its own. */
    pyreload_pending(reloader);
    pyreload_version();
    CHECK(strcmp(pyreload_last_error(), kept) == 0);
    CHECK(pthread_create(&thread, NULL, other_thread, reloader) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(strcmp(pyreload_last_error(), kept) == 0);

    OK(pyreload_set_trigger_mode(reloader, 0));
    CHECK(strcmp(pyreload_last_error(), "") == 0);

    pyreload_destroy(reloader);
    host_stop();
    return 0;
}
