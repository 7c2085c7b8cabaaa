/* Chapter 9: the log sink. */
#include "host.h"

typedef struct {
    int lines, freed, worst;
} sink_data;

static void sink(pyreload_log_level level, const char *target,
                 const char *message, void *user_data)
{
    sink_data *data = user_data;
    CHECK(target != NULL && message != NULL);
    CHECK(strchr(message, '\n') == NULL);
    CHECK(level != PYRELOAD_LOG_OFF);
    __atomic_add_fetch(&data->lines, 1, __ATOMIC_SEQ_CST);
    if ((int)level > data->worst) {
        data->worst = (int)level;
    }
}

static void freed(void *user_data)
{
    ((sink_data *)user_data)->freed++;
}

static int version;

static void reload_once(pyreload_reloader *reloader)
{
    char text[40];
    snprintf(text, sizeof text, "value = %d\n", ++version);
    host_save("mod.py", text);
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("mod.value") == version);
}

int main(void)
{
    sink_data a = {0, 0, 0}, b = {0, 0, 0}, c = {0, 0, 0};
    pyreload_reloader *reloader;
    int before;

    OK(pyreload_set_log(PYRELOAD_LOG_TRACE, sink, &a, freed));
    host_start();
    host_save("mod.py", "value = 0\n");
    host_run("import mod");
    reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    reload_once(reloader);
    CHECK(a.lines > 0);

    /* A new sink replaces the old. */
    OK(pyreload_set_log(PYRELOAD_LOG_ERROR, sink, &b, freed));
    CHECK(a.freed == 1);
    before = a.lines;
    reload_once(reloader);
    CHECK(a.lines == before);
    CHECK(b.lines == 0);        /* nothing went wrong */

    /* NULL ends it; a refused one is freed, and the old stays. */
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_set_log(99, sink, &c, freed));
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_set_log(-1, sink, &c, freed));
    CHECK(c.freed == 2 && b.freed == 0);
    OK(pyreload_set_log(PYRELOAD_LOG_TRACE, NULL, NULL, NULL));
    CHECK(b.freed == 1);
    reload_once(reloader);
    CHECK(a.lines == before && b.lines == 0 && c.lines == 0);

    /* user_data without a sink comes to its end at once. */
    OK(pyreload_set_log(PYRELOAD_LOG_TRACE, NULL, &c, freed));
    CHECK(c.freed == 3);
    CHECK(a.freed == 1 && b.freed == 1);

    pyreload_destroy(reloader);
    host_stop();
    return 0;
}
