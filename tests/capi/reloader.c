/* Chapter 3: options, creating, named reloaders, destroying. */
#include "host.h"

static pyreload_reloader *named(const char *name, uint32_t mode)
{
    pyreload_options options;
    pyreload_reloader *reloader;
    pyreload_options_init(&options, sizeof options);
    options.name = name;
    options.trigger_mode = mode;
    OK(pyreload_create(&options, &reloader));
    return reloader;
}

static void defaults(void)
{
    pyreload_options options, untouched;

    pyreload_options_init(&options, sizeof options);
    CHECK(options.struct_size == sizeof options);
    CHECK(options.name == NULL);
    CHECK(options.trigger_mode == PYRELOAD_TRIGGER_NONE);
    CHECK(options.scope == PYRELOAD_SCOPE_USER);
    CHECK(options.watch == PYRELOAD_WATCH_AUTO);
    CHECK(options.poll_interval_ms == 1000);
    CHECK(options.debounce_ms == 50);

    /* An unknown size leaves all as it is. */
    memset(&options, 0x5a, sizeof options);
    untouched = options;
    pyreload_options_init(&options, 3);
    CHECK(memcmp(&options, &untouched, sizeof options) == 0);
    pyreload_options_init(&options, 0);
    pyreload_options_init(&options, SIZE_MAX);
    CHECK(memcmp(&options, &untouched, sizeof options) == 0);
    pyreload_options_init(NULL, sizeof options);
}

static void refuse(void (*spoil)(pyreload_options *))
{
    pyreload_options options;
    pyreload_reloader *reloader = (pyreload_reloader *)&options;
    pyreload_options_init(&options, sizeof options);
    spoil(&options);
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_create(&options, &reloader));
    CHECK(reloader == NULL);
}
static void size_0(pyreload_options *o) { o->struct_size = 0; }
static void size_7(pyreload_options *o) { o->struct_size = 7; }
static void size_max(pyreload_options *o) { o->struct_size = SIZE_MAX; }
static void bad_scope(pyreload_options *o) { o->scope = 77; }
static void bad_watch(pyreload_options *o) { o->watch = 77; }
static void bad_name(pyreload_options *o) { o->name = "\xff\xfe"; }

static void names(void)
{
    pyreload_reloader *a = named("a", PYRELOAD_TRIGGER_EVENT);
    pyreload_reloader *b = named("b", PYRELOAD_TRIGGER_NONE);
    pyreload_reloader *again = named("a", PYRELOAD_TRIGGER_SCRIPT);
    counter data = {0, 0};

    CHECK(a == again && a != b);
    CHECK(pyreload_trigger_mode(a) == PYRELOAD_TRIGGER_EVENT);
    OK(pyreload_add_callback(a, "k", PYRELOAD_EVENT_AFTER_RELOAD, count_call,
                             &data, count_free, NULL));
    pyreload_destroy(again);
    CHECK(data.freed == 0);
    CHECK(pyreload_trigger_mode(a) == PYRELOAD_TRIGGER_EVENT);
    pyreload_destroy(a);
    CHECK(data.freed == 1);

    /* The name is free again, and a new one starts with its own options. */
    a = named("a", PYRELOAD_TRIGGER_SCRIPT);
    CHECK(pyreload_trigger_mode(a) == PYRELOAD_TRIGGER_SCRIPT);
    pyreload_destroy(a);
    pyreload_destroy(b);
}

static void without_names(void)
{
    pyreload_reloader *a = host_reloader(PYRELOAD_TRIGGER_NONE), *b;
    OK(pyreload_create(NULL, &b));
    CHECK(a != b);
    CHECK(pyreload_trigger_mode(b) == PYRELOAD_TRIGGER_NONE);
    pyreload_destroy(a);
    pyreload_destroy(b);
    pyreload_destroy(NULL);
}

/* Modules imported before the reloader came are tracked, and not reloaded. */
static void tracks_what_is_there(void)
{
    pyreload_reloader *reloader;
    pyreload_report *report;

    host_save("early.py", "runs = globals().get('runs', 0) + 1\nvalue = 1\n");
    host_run("import early");
    reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    OK(pyreload_check(reloader, 0, &report));
    CHECK(report == NULL);
    CHECK(host_long("early.runs") == 1);
    host_save("early.py", "runs = globals().get('runs', 0) + 1\nvalue = 2\n");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("early.value") == 2);
    pyreload_destroy(reloader);
    CHECK(host_long("early.value") == 2);
}

/* Two reloaders of one program do not do the same work twice. */
static void two_at_once(void)
{
    pyreload_reloader *a, *b;

    host_save("shared.py", "runs = []\nruns.append(1)\n");
    host_run("import builtins\nbuiltins.shared_runs = 0\nimport shared");
    a = host_reloader(PYRELOAD_TRIGGER_NONE);
    b = host_reloader(PYRELOAD_TRIGGER_NONE);
    host_save("shared.py", "import builtins\nbuiltins.shared_runs += 1\n");
    OK(pyreload_check(a, 0, NULL));
    OK(pyreload_check(b, 0, NULL));
    CHECK(host_long("shared_runs") == 1);
    pyreload_destroy(a);
    host_save("shared.py", "import builtins\nbuiltins.shared_runs += 10\n");
    OK(pyreload_check(b, 0, NULL));
    CHECK(host_long("shared_runs") == 11);
    pyreload_destroy(b);
}

static void figures(void)
{
    pyreload_reloader *reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    pyreload_stats_t before, after;

    memset(&before, 0, sizeof before);
    before.struct_size = sizeof before;
    after = before;
    host_save("figure.py", "x = 1\n");
    host_run("import figure");
    OK(pyreload_track_imports(reloader));
    OK(pyreload_stats(reloader, &before));
    CHECK(before.struct_size == sizeof before);
    CHECK(before.tracked_modules >= 1 && before.tracked_source_bytes >= 6);
    CHECK(before.watched_directories + before.polled_directories >= 1);
    host_save("figure.py", "x = 2\n");
    OK(pyreload_check(reloader, 0, NULL));
    OK(pyreload_stats(reloader, &after));
    CHECK(after.checks > before.checks);
    CHECK(after.reloads == before.reloads + 1);
    CHECK(after.tracked_modules == before.tracked_modules);

    after.struct_size = 3;
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_stats(reloader, &after));
    after.struct_size = SIZE_MAX;
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_stats(reloader, &after));
    pyreload_destroy(reloader);
}

static pyreload_stats_t stats_of(const pyreload_reloader *reloader)
{
    pyreload_stats_t stats;
    memset(&stats, 0, sizeof stats);
    stats.struct_size = sizeof stats;
    OK(pyreload_stats(reloader, &stats));
    return stats;
}

/* Which folders are watched by events, and which are looked at. */
static void watched_folders(void)
{
    static const struct {
        pyreload_watch mode;
        const char *file, *import, *value;
    } each[] = {
        {PYRELOAD_WATCH_AUTO, "of_three/c.py", "import of_three.c", "of_three.c.x"},
        {PYRELOAD_WATCH_POLL, "of_four/c.py", "import of_four.c", "of_four.c.x"},
        {PYRELOAD_WATCH_OFF, "of_five/c.py", "import of_five.c", "of_five.c.x"},
    };
    pyreload_options options;
    pyreload_reloader *reloader;
    pyreload_stats_t stats, more;
    uint64_t folders;
    size_t i;

    host_run("import os, sys\n"
             "for name in 'one', 'two', 'three', 'four', 'five':\n"
             "    os.makedirs(os.path.join(sys.path[0], 'of_' + name))");
    host_save("of_one/__init__.py", "");
    host_save("of_one/a.py", "x = 1\n");
    host_save("of_two/__init__.py", "");
    host_save("of_two/b.py", "x = 1\n");
    host_run("import of_one.a, of_two, of_two.b");
    for (i = 0; i < 3; i++) {
        host_save(each[i].file, "x = 1\n");
        pyreload_options_init(&options, sizeof options);
        options.watch = each[i].mode;
        options.poll_interval_ms = 10;
        OK(pyreload_create(&options, &reloader));
        stats = stats_of(reloader);
        folders = stats.watched_directories + stats.polled_directories;
        /* The folder of all tests is one, too. */
        CHECK(folders == 3 + i);
        CHECK(stats.watched_directories == (i == 0 ? folders : 0));
        host_run(each[i].import);
        OK(pyreload_track_imports(reloader));
        more = stats_of(reloader);
        CHECK(more.watched_directories == (i == 0 ? folders + 1 : 0));
        CHECK(more.polled_directories == (i == 0 ? 0 : folders + 1));
        CHECK(more.tracked_modules == stats.tracked_modules + 1);
        CHECK(more.tracked_source_bytes == stats.tracked_source_bytes + 6);
        /* What is in the figures is what is seen. */
        host_save(each[i].file, "x = 20\n");
        OK(pyreload_check(reloader, 0, NULL));
        CHECK(host_long(each[i].value) == 20);
        CHECK(stats_of(reloader).tracked_source_bytes
              == more.tracked_source_bytes + 1);
        pyreload_destroy(reloader);
    }
    host_run("import shutil\n"
             "for name in 'one', 'two', 'three', 'four', 'five':\n"
             "    shutil.rmtree(os.path.join(sys.path[0], 'of_' + name))");
}

/* Undefined by the header, yet found out: a handle that has ended. */
static void ended(void)
{
    pyreload_reloader *reloader = host_reloader(PYRELOAD_TRIGGER_ALL);
    pyreload_destroy(reloader);
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_check(reloader, 0, NULL));
    STATUS(PYRELOAD_ERR_ARGUMENT,
           pyreload_trigger(reloader, PYRELOAD_TRIGGER_EVENT, NULL));
    CHECK(pyreload_trigger_mode(reloader) == PYRELOAD_TRIGGER_NONE);
    CHECK(pyreload_pending(reloader) == 0);
    pyreload_destroy(reloader);
}

int main(void)
{
    defaults();
    host_start();
    refuse(size_0);
    refuse(size_7);
    refuse(size_max);
    refuse(bad_scope);
    refuse(bad_watch);
    refuse(bad_name);
    names();
    without_names();
    tracks_what_is_there();
    two_at_once();
    figures();
    watched_folders();
    ended();
    host_stop();
    return 0;
}
