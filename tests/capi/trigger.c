/* Chapter 4: the trigger mode, the kinds, tracking of imports. */
#include "host.h"

#define MINE (PYRELOAD_TRIGGER_USER << 3)

static int version;

static void edit(void)
{
    char text[80];
    snprintf(text, sizeof text, "def f():\n    return %d\n", ++version);
    host_save("mod.py", text);
}

/* Edits, triggers, and says whether the edit is live. */
static int live(pyreload_reloader *reloader, uint32_t kind)
{
    pyreload_report *report = (pyreload_report *)&report;
    int is_live;
    edit();
    OK(pyreload_trigger(reloader, kind, &report));
    is_live = host_long("mod.f()") == version;
    CHECK((report != NULL) == is_live);
    pyreload_report_free(report);
    return is_live;
}

static void kinds(pyreload_reloader *reloader)
{
    static const uint32_t all[] = {PYRELOAD_TRIGGER_SCRIPT,
                                   PYRELOAD_TRIGGER_COMMAND,
                                   PYRELOAD_TRIGGER_EVENT,
                                   PYRELOAD_TRIGGER_USER, MINE};
    size_t i, j;

    for (i = 0; i < 5; i++) {
        OK(pyreload_set_trigger_mode(reloader, all[i]));
        CHECK(pyreload_trigger_mode(reloader) == all[i]);
        for (j = 0; j < 5; j++) {
            CHECK(live(reloader, all[j]) == (i == j));
        }
    }
    OK(pyreload_set_trigger_mode(reloader, PYRELOAD_TRIGGER_NONE));
    for (i = 0; i < 5; i++) {
        CHECK(!live(reloader, all[i]));
    }
    OK(pyreload_set_trigger_mode(reloader, PYRELOAD_TRIGGER_ALL));
    CHECK(pyreload_trigger_mode(reloader) == PYRELOAD_TRIGGER_ALL);
    for (i = 0; i < 5; i++) {
        CHECK(live(reloader, all[i]));
    }
    /* A check does not ask the mode. */
    OK(pyreload_set_trigger_mode(reloader, PYRELOAD_TRIGGER_NONE));
    edit();
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("mod.f()") == version);
}

static void quiet(pyreload_reloader *reloader)
{
    pyreload_report *report = (pyreload_report *)&report;
    int i;
    OK(pyreload_set_trigger_mode(reloader, PYRELOAD_TRIGGER_EVENT));
    for (i = 0; i < 1000; i++) {
        OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, &report));
        CHECK(report == NULL);
    }
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
}

/* An edit whose file was closed before the trigger is seen by it, each time. */
static void never_missed(pyreload_reloader *reloader)
{
    int i;
    for (i = 0; i < 200; i++) {
        CHECK(live(reloader, PYRELOAD_TRIGGER_EVENT));
    }
}

static void imports(pyreload_reloader *reloader)
{
    pyreload_report *report;

    host_save("late.py", "x = 1\n");
    host_run("import late");
    OK(pyreload_track_imports(reloader));
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, &report));
    CHECK(report == NULL);
    host_save("late.py", "x = 2\n");
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
    CHECK(host_long("late.x") == 2);

    /* Also when only the next check could notice the import. */
    host_save("later.py", "x = 1\n");
    host_run("import later");
    host_save("later.py", "x = 2\n");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("later.x") == 2);
}

/* One module goes and another one comes: as many as before, and yet noticed. */
static void swapped(pyreload_reloader *reloader)
{
    host_save("goes.py", "x = 1\n");
    host_save("comes.py", "x = 1\n");
    host_run("import goes");
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
    host_run("import sys\nbefore = len(sys.modules)\n"
             "del sys.modules['goes']\nimport comes");
    CHECK(host_long("len(sys.modules) == before") == 1);
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
    host_save("comes.py", "x = 2\n");
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
    CHECK(host_long("comes.x") == 2);

    host_save("again.py", "x = 1\n");
    host_run("del sys.modules['comes']\nimport again");
    host_save("again.py", "x = 2\n");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("again.x") == 2);

    /* The same name, another module. */
    host_save("again.py", "x = 3\n");
    OK(pyreload_check(reloader, 0, NULL));
    host_run("import importlib\nold = sys.modules.pop('again')\n"
             "again = importlib.import_module('again')");
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
    host_save("again.py", "x = 4\n");
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
    CHECK(host_long("again.x") == 4 && host_long("old.x") == 3);
}

static void refused(pyreload_reloader *reloader)
{
    pyreload_report *report = (pyreload_report *)&report;
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_trigger(reloader, 0, &report));
    CHECK(report == NULL);
    report = (pyreload_report *)&report;
    STATUS(PYRELOAD_ERR_ARGUMENT,
           pyreload_trigger(reloader,
                            PYRELOAD_TRIGGER_SCRIPT | PYRELOAD_TRIGGER_EVENT,
                            &report));
    CHECK(report == NULL);
}

/* A failure is told, and the dispatch can go on with the code as it is. */
static void failing(pyreload_reloader *reloader)
{
    pyreload_report *report;
    edit();
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
    host_save("mod.py", "def f(:\n");
    STATUS(PYRELOAD_ERR_RELOAD,
           pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, &report));
    CHECK(pyreload_report_count(report, PYRELOAD_OUTCOME_FAILED) == 1);
    pyreload_report_free(report);
    CHECK(host_long("mod.f()") == version);
    /* Once: the next trigger has nothing new to say. */
    OK(pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, &report));
    CHECK(report == NULL);
    CHECK(live(reloader, PYRELOAD_TRIGGER_EVENT));
}

int main(void)
{
    pyreload_reloader *reloader;

    host_start();
    edit();
    host_run("import mod");
    reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    kinds(reloader);
    quiet(reloader);
    never_missed(reloader);
    imports(reloader);
    swapped(reloader);
    refused(reloader);
    failing(reloader);
    pyreload_destroy(reloader);
    host_stop();
    return 0;
}
