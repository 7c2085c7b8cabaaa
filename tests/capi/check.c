/* Chapter 5: check, its flags, reload by name, what is pending. */
#include "host.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

static void dry_run(pyreload_reloader *reloader)
{
    pyreload_report *report;

    host_save("dry.py", "def f():\n    return 1\n");
    host_run("import dry\nf = dry.f");
    OK(pyreload_track_imports(reloader));
    host_save("dry.py", "def f():\n    return 2\n");
    OK(pyreload_check(reloader, PYRELOAD_CHECK_DRY_RUN, &report));
    CHECK(report != NULL && pyreload_report_len(report) == 1);
    CHECK(strcmp(pyreload_module_report_name(pyreload_report_module(report, 0)),
                 "dry") == 0);
    pyreload_report_free(report);
    CHECK(host_long("f()") == 1);
    /* The change is still there to be done. */
    OK(pyreload_check(reloader, 0, &report));
    CHECK(report != NULL);
    pyreload_report_free(report);
    CHECK(host_long("f()") == 2);
}

static void old_stamps(const char *name)
{
    char path[PATH_MAX + 80];
    struct timespec times[2] = {{1500000000, 0}, {1500000000, 0}};
    snprintf(path, sizeof path, "%s/%s", host_folder.path, name);
    CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
}

/* Same size, same mtime: found by content. */
static void rescan(void)
{
    pyreload_options options;
    pyreload_reloader *reloader;

    host_save("stamp.py", "value = 1\n");
    old_stamps("stamp.py");
    host_run("import stamp");
    pyreload_options_init(&options, sizeof options);
    options.watch = PYRELOAD_WATCH_OFF;
    OK(pyreload_create(&options, &reloader));
    host_save("stamp.py", "value = 2\n");
    old_stamps("stamp.py");
    OK(pyreload_check(reloader, PYRELOAD_CHECK_RESCAN, NULL));
    CHECK(host_long("stamp.value") == 2);
    host_save("stamp.py", "value = 3\n");
    old_stamps("stamp.py");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("stamp.value") == 3);
    CHECK(pyreload_pending(reloader) == 0);
    pyreload_destroy(reloader);
}

static void polling(void)
{
    pyreload_options options;
    pyreload_reloader *reloader;

    host_save("polled.py", "value = 1\n");
    host_run("import polled");
    pyreload_options_init(&options, sizeof options);
    options.watch = PYRELOAD_WATCH_POLL;
    options.poll_interval_ms = 10;
    OK(pyreload_create(&options, &reloader));
    host_save("polled.py", "value = 22\n");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("polled.value") == 22);
    pyreload_destroy(reloader);
}

/* A save in place: the file is empty, then has a part, then all of it. */
static FILE *begin(const char *name)
{
    char path[PATH_MAX + 80];
    FILE *file;
    snprintf(path, sizeof path, "%s/%s", host_folder.path, name);
    file = fopen(path, "w");
    CHECK(file != NULL);
    return file;
}

static void put(FILE *file, const char *text)
{
    CHECK(fputs(text, file) >= 0 && fflush(file) == 0);
}

static void nothing_new(pyreload_reloader *reloader, uint32_t flags)
{
    pyreload_report *report = (pyreload_report *)&report;
    OK(pyreload_check(reloader, flags, &report));
    CHECK(report == NULL);
}

static void fails(pyreload_reloader *reloader, uint32_t flags)
{
    pyreload_report *report;
    STATUS(PYRELOAD_ERR_RELOAD, pyreload_check(reloader, flags, &report));
    CHECK(report != NULL && pyreload_report_len(report) == 1);
    CHECK(pyreload_report_count(report, PYRELOAD_OUTCOME_FAILED) == 1);
    pyreload_report_free(report);
}

static void half_written(pyreload_watch watch, uint32_t flags)
{
    pyreload_options options;
    pyreload_reloader *reloader;
    char from[PATH_MAX + 80], to[PATH_MAX + 80];
    FILE *file;
    int by_events = watch == PYRELOAD_WATCH_AUTO && flags == 0;

    host_save("half.py", "def f():\n    return 1\n");
    host_run("import sys\nsys.modules.pop('half', None)\nimport half");
    pyreload_options_init(&options, sizeof options);
    options.watch = watch;
    options.poll_interval_ms = 10;
    OK(pyreload_create(&options, &reloader));
    nothing_new(reloader, flags);

    file = begin("half.py");
    nothing_new(reloader, flags);
    put(file, "def f():\n    return (2 +");
    if (by_events) {
        nothing_new(reloader, flags);
    } else {
        /* It may stay like this, so it is said, once. */
        fails(reloader, flags);
        nothing_new(reloader, flags);
    }
    CHECK(host_long("half.f()") == 1);
    put(file, " 3)\n");
    fclose(file);
    OK(pyreload_check(reloader, flags, NULL));
    CHECK(host_long("half.f()") == 5);

    /* Two saves, the second one begun. By events it is the first that is known to be done, and
     * what is in the file counts. */
    file = begin("half.py");
    put(file, "def f():\n    return 6\n");
    fclose(file);
    if (watch == PYRELOAD_WATCH_AUTO) {
        OK(pyreload_check(reloader, flags, NULL));
        CHECK(host_long("half.f()") == 6);
    }
    file = begin("half.py");
    nothing_new(reloader, flags);
    put(file, "def f():\n    return 7\n");
    fclose(file);
    OK(pyreload_check(reloader, flags, NULL));
    CHECK(host_long("half.f()") == 7);

    /* The old file is put aside, and a new one is begun. */
    snprintf(from, sizeof from, "%s/half.py", host_folder.path);
    snprintf(to, sizeof to, "%s/half.py~", host_folder.path);
    CHECK(rename(from, to) == 0);
    nothing_new(reloader, flags);
    file = begin("half.py");
    nothing_new(reloader, flags);
    put(file, "def f():\n    return 8\n");
    fclose(file);
    OK(pyreload_check(reloader, flags, NULL));
    CHECK(host_long("half.f()") == 8);
    CHECK(unlink(to) == 0);

    /* An error is told once, and again when the bytes are others. */
    host_save("half.py", "def f(:\n");
    fails(reloader, flags);
    nothing_new(reloader, flags);
    host_save("half.py", "def f(:\n");
    nothing_new(reloader, flags);
    host_save("half.py", "def f(::\n");
    fails(reloader, flags);
    nothing_new(reloader, flags);
    host_save("half.py", "def f():\n    return 8\n");
    nothing_new(reloader, flags);
    host_save("half.py", "def f(:\n");
    fails(reloader, flags);
    CHECK(host_long("half.f()") == 8);

    /* One that stays empty is meant to be. */
    fclose(begin("half.py"));
    if (watch != PYRELOAD_WATCH_AUTO) {
        nothing_new(reloader, flags);
        CHECK(host_long("half.f()") == 8);
        host_sleep_ms(watch == PYRELOAD_WATCH_POLL ? 1100 : 0);
    }
    if (watch != PYRELOAD_WATCH_OFF) {
        OK(pyreload_check(reloader, flags, NULL));
        CHECK(host_long("hasattr(half, 'f')") == 0);
    } else {
        host_save("half.py", "def f():\n    return 8\n");
        nothing_new(reloader, flags);
    }
    pyreload_destroy(reloader);
}

/* A broken module does not hold back one it has nothing to do with. */
static void failing(pyreload_reloader *reloader)
{
    pyreload_report *report;

    host_save("good.py", "value = 1\n");
    host_save("bad.py", "value = 1\n");
    host_run("import good, bad");
    OK(pyreload_track_imports(reloader));
    host_save("good.py", "value = 2\n");
    host_save("bad.py", "value = 2\nraise RuntimeError('not today')\n");
    STATUS(PYRELOAD_ERR_RELOAD, pyreload_check(reloader, 0, &report));
    CHECK(pyreload_report_len(report) == 2);
    CHECK(pyreload_report_count(report, PYRELOAD_OUTCOME_FAILED) == 1);
    pyreload_report_free(report);
    CHECK(host_long("good.value") == 2);
    CHECK(host_long("bad.value") == 1);
    CHECK(!PyErr_Occurred());
    host_save("bad.py", "value = 3\n");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("bad.value") == 3);
}

static void by_name(pyreload_reloader *reloader)
{
    pyreload_report *report = (pyreload_report *)&report;

    host_save("named.py", "import builtins\n"
                          "builtins.named_runs = getattr(builtins,"
                          " 'named_runs', 0) + 1\n"
                          "def f():\n    return 1\n");
    host_run("import named\nf = named.f");
    OK(pyreload_track_imports(reloader));

    STATUS(PYRELOAD_ERR_NOT_FOUND,
           pyreload_reload(reloader, "no.such.module", 0, &report));
    CHECK(report == NULL);
    CHECK(strstr(pyreload_last_error(), "no.such.module") != NULL);
    report = (pyreload_report *)&report;
    STATUS(PYRELOAD_ERR_UNSUPPORTED,
           pyreload_reload(reloader, "sys", 0, &report));
    CHECK(report == NULL);
    STATUS(PYRELOAD_ERR_ARGUMENT,
           pyreload_reload(reloader, "named\xff", 0, &report));

    OK(pyreload_reload(reloader, "named", 0, NULL));
    CHECK(host_long("named_runs") == 1);
    OK(pyreload_reload(reloader, "named", PYRELOAD_CHECK_FORCE, &report));
    CHECK(report != NULL && pyreload_report_len(report) >= 1);
    CHECK(pyreload_module_report_cause(pyreload_report_module(report, 0))
          == PYRELOAD_CAUSE_REQUEST);
    CHECK(pyreload_module_report_outcome(pyreload_report_module(report, 0))
          == PYRELOAD_OUTCOME_RELOADED);
    pyreload_report_free(report);
    CHECK(host_long("named_runs") == 2);
    CHECK(host_long("f is named.f") == 1);

    /* Only the one that was named. */
    host_save("other.py", "x = 1\n");
    host_run("import other");
    OK(pyreload_track_imports(reloader));
    host_save("other.py", "x = 2\n");
    host_save("named.py", "def f():\n    return 5\n");
    OK(pyreload_reload(reloader, "named", 0, NULL));
    CHECK(host_long("f()") == 5 && host_long("other.x") == 1);
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("other.x") == 2);

    /* An excluded one too. */
    OK(pyreload_exclude(reloader, "named"));
    host_save("named.py", "def f():\n    return 6\n");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("f()") == 5);
    OK(pyreload_reload(reloader, "named", 0, NULL));
    CHECK(host_long("f()") == 6);
}

static void waiting(pyreload_reloader *reloader)
{
    struct pollfd fd;

    host_save("wait.py", "x = 1\n");
    host_run("import wait");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(pyreload_pending(reloader) == 0);
    fd.fd = pyreload_notify_fd(reloader);
    CHECK(fd.fd >= 0);
    fd.events = POLLIN;
    fd.revents = 0;
    CHECK(poll(&fd, 1, 0) == 0);
    host_save("wait.py", "x = 2\n");
    CHECK(poll(&fd, 1, 5000) == 1);
    CHECK(pyreload_pending(reloader) >= 1);
    CHECK(host_long("wait.x") == 1);
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("wait.x") == 2);
    CHECK(pyreload_pending(reloader) == 0);
    CHECK(poll(&fd, 1, 0) == 0);
}

/* A pending exception is the caller's, and comes back as it was. */
static void exception_preserved(pyreload_reloader *reloader)
{
    PyObject *type, *value, *traceback, *mine;

    host_save("exc.py", "x = 1\n");
    host_run("import exc");
    OK(pyreload_track_imports(reloader));
    host_save("exc.py", "x = 2\ntry:\n    1 / 0\n"
                        "except ZeroDivisionError:\n    pass\n");
    mine = PyObject_CallFunction(PyExc_ValueError, "s", "mine");
    CHECK(mine != NULL);
    PyErr_SetObject(PyExc_ValueError, mine);
    OK(pyreload_check(reloader, 0, NULL));
    OK(pyreload_track_imports(reloader));
    CHECK(PyErr_Occurred() == PyExc_ValueError);
    PyErr_Fetch(&type, &value, &traceback);
    CHECK(value == mine);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    Py_DECREF(mine);
    CHECK(host_long("exc.x") == 2);

    /* And a failing module leaves none behind. */
    host_save("exc.py", "raise KeyError('theirs')\n");
    STATUS(PYRELOAD_ERR_RELOAD, pyreload_check(reloader, 0, NULL));
    CHECK(!PyErr_Occurred());
    host_save("exc.py", "x = 3\n");
    OK(pyreload_check(reloader, 0, NULL));
}

int main(void)
{
    pyreload_reloader *reloader;
    pyreload_report *report = (pyreload_report *)&report;

    host_start();
    reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    OK(pyreload_check(reloader, 0, &report));
    CHECK(report == NULL);
    report = (pyreload_report *)&report;
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_check(reloader, 1u << 30, &report));
    CHECK(report == NULL);

    dry_run(reloader);
    rescan();
    polling();
    half_written(PYRELOAD_WATCH_AUTO, 0);
    half_written(PYRELOAD_WATCH_AUTO, PYRELOAD_CHECK_RESCAN);
    half_written(PYRELOAD_WATCH_POLL, 0);
    half_written(PYRELOAD_WATCH_OFF, 0);
    failing(reloader);
    by_name(reloader);
    waiting(reloader);
    exception_preserved(reloader);
    pyreload_destroy(reloader);
    host_stop();
    return 0;
}
