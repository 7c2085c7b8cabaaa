/* Chapter 8: reports, down to each change; as text, as JSON; their life. */
#include "host.h"

static const pyreload_module_report *module_of(const pyreload_report *report,
                                               const char *name)
{
    size_t i;
    for (i = 0; i < pyreload_report_len(report); i++) {
        const pyreload_module_report *m = pyreload_report_module(report, i);
        if (strcmp(pyreload_module_report_name(m), name) == 0) {
            return m;
        }
    }
    fprintf(stderr, "no %s in this report:\n%s", name,
            pyreload_report_text(report));
    exit(1);
}

static const pyreload_change *change_of(const pyreload_module_report *module,
                                        const char *name)
{
    size_t i;
    for (i = 0; i < pyreload_module_report_len(module); i++) {
        const pyreload_change *c = pyreload_module_report_change(module, i);
        if (strcmp(pyreload_change_name(c), name) == 0) {
            return c;
        }
    }
    fprintf(stderr, "no change of %s\n", name);
    exit(1);
}

static void nothing(void)
{
    CHECK(pyreload_report_text(NULL) != NULL);
    CHECK(strcmp(pyreload_report_json(NULL), "{}") == 0);
    CHECK(pyreload_report_duration_ns(NULL) == 0);
    CHECK(pyreload_report_len(NULL) == 0);
    CHECK(pyreload_report_count(NULL, PYRELOAD_OUTCOME_FAILED) == 0);
    CHECK(pyreload_report_module(NULL, 0) == NULL);
    CHECK(pyreload_module_report_name(NULL) == NULL);
    CHECK(pyreload_module_report_path(NULL) == NULL);
    CHECK(pyreload_module_report_outcome(NULL) == PYRELOAD_OUTCOME_NONE);
    CHECK(pyreload_module_report_cause(NULL) == PYRELOAD_CAUSE_NONE);
    CHECK(pyreload_module_report_error(NULL) == NULL);
    CHECK(pyreload_module_report_traceback(NULL) == NULL);
    CHECK(pyreload_module_report_error_line(NULL) == 0);
    CHECK(pyreload_module_report_len(NULL) == 0);
    CHECK(pyreload_module_report_change(NULL, 0) == NULL);
    CHECK(pyreload_change_what(NULL) == PYRELOAD_CHANGE_NONE);
    CHECK(pyreload_change_action(NULL) == PYRELOAD_ACTION_NONE);
    CHECK(pyreload_change_name(NULL) == NULL);
    CHECK(pyreload_change_line(NULL) == 0);
    CHECK(pyreload_change_reason(NULL) == NULL);
    CHECK(pyreload_module_report_note_count(NULL) == 0);
    CHECK(pyreload_module_report_note(NULL, 0) == NULL);
    CHECK(pyreload_report_is_dry_run(NULL) == 0);
    pyreload_report_free(NULL);
}

static pyreload_report *success(pyreload_reloader *reloader)
{
    const pyreload_module_report *m;
    const pyreload_change *c;
    pyreload_report *report;
    char path[PATH_MAX + 80];

    host_save("base.py", "LIMIT = 1\n");
    host_save("user.py",
              "from base import LIMIT\n"
              "gone = 1\n"
              "class Box:\n"
              "    def size(self):\n"
              "        return 1\n");
    host_run("import user");
    OK(pyreload_track_imports(reloader));
    host_save("base.py", "LIMIT = 2\n");
    host_save("user.py",
              "from base import LIMIT\n"
              "class Box:\n"
              "    def size(self):\n"
              "        return 2\n"
              "def fresh():\n"
              "    return LIMIT\n");
    OK(pyreload_check(reloader, 0, &report));
    CHECK(report != NULL);
    CHECK(!pyreload_report_is_dry_run(report));
    CHECK(pyreload_report_len(report) == 2);
    CHECK(pyreload_report_duration_ns(report) > 0);
    CHECK(pyreload_report_count(report, PYRELOAD_OUTCOME_FAILED) == 0);
    CHECK(pyreload_report_count(report, PYRELOAD_OUTCOME_PATCHED)
              + pyreload_report_count(report, PYRELOAD_OUTCOME_EXECUTED)
              + pyreload_report_count(report, PYRELOAD_OUTCOME_RELOADED)
          == 2);
    CHECK(pyreload_report_count(report, 99) == 0);
    CHECK(strstr(pyreload_report_text(report), "user") != NULL);
    CHECK(strstr(pyreload_report_text(report), "base") != NULL);

    /* A module comes after those it imports. */
    m = pyreload_report_module(report, 0);
    CHECK(strcmp(pyreload_module_report_name(m), "base") == 0);
    CHECK(pyreload_module_report_cause(m) == PYRELOAD_CAUSE_SOURCE);
    CHECK(pyreload_module_report_error(m) == NULL);
    CHECK(pyreload_module_report_traceback(m) == NULL);
    CHECK(pyreload_module_report_error_line(m) == 0);
    c = change_of(m, "LIMIT");
    CHECK(pyreload_change_what(c) == PYRELOAD_CHANGE_VARIABLE);
    CHECK(pyreload_change_line(c) == 1);

    m = pyreload_report_module(report, 1);
    snprintf(path, sizeof path, "%s/user.py", host_folder.path);
    CHECK(strcmp(pyreload_module_report_path(m), path) == 0);
    c = change_of(m, "Box.size");
    CHECK(pyreload_change_what(c) == PYRELOAD_CHANGE_FUNCTION);
    CHECK(pyreload_change_action(c) == PYRELOAD_ACTION_UPDATED);
    CHECK(pyreload_change_line(c) == 3);
    c = change_of(m, "fresh");
    CHECK(pyreload_change_what(c) == PYRELOAD_CHANGE_FUNCTION);
    CHECK(pyreload_change_action(c) == PYRELOAD_ACTION_ADDED);
    CHECK(pyreload_change_line(c) == 5);
    c = change_of(m, "gone");
    CHECK(pyreload_change_action(c) == PYRELOAD_ACTION_REMOVED);
    CHECK(pyreload_change_line(c) == 2);

    CHECK(pyreload_change_reason(c) != NULL);

    /* Too large an index. */
    CHECK(pyreload_module_report_note(m, pyreload_module_report_note_count(m))
          == NULL);
    CHECK(pyreload_report_module(report, 2) == NULL);
    CHECK(pyreload_module_report_change(m, pyreload_module_report_len(m))
          == NULL);
    return report;
}

static pyreload_report *failure(pyreload_reloader *reloader)
{
    const pyreload_module_report *m;
    pyreload_report *report;

    host_save("fails.py", "x = 1\n");
    host_run("import fails");
    OK(pyreload_track_imports(reloader));
    host_save("fails.py", "x = 2\n\ny = missing\n");
    STATUS(PYRELOAD_ERR_RELOAD, pyreload_check(reloader, 0, &report));
    m = module_of(report, "fails");
    CHECK(pyreload_module_report_outcome(m) == PYRELOAD_OUTCOME_FAILED);
    CHECK(strcmp(pyreload_module_report_error(m),
                 "NameError: name 'missing' is not defined") == 0);
    CHECK(strstr(pyreload_module_report_traceback(m), "Traceback") != NULL);
    CHECK(strstr(pyreload_module_report_traceback(m), "line 3") != NULL);
    CHECK(strstr(pyreload_module_report_traceback(m), "y = missing") != NULL);
    CHECK(pyreload_module_report_error_line(m) == 3);
    return report;
}

static void syntax(pyreload_reloader *reloader)
{
    const pyreload_module_report *m;
    pyreload_report *report;

    host_save("syntax.py", "x = 1\n");
    host_run("import syntax");
    OK(pyreload_track_imports(reloader));
    host_save("syntax.py", "x = 1\ny = 1 +\nz = 1\n");
    STATUS(PYRELOAD_ERR_RELOAD, pyreload_check(reloader, 0, &report));
    m = module_of(report, "syntax");
    CHECK(strncmp(pyreload_module_report_error(m), "SyntaxError", 11) == 0);
    CHECK(pyreload_module_report_error_line(m) == 2);
    pyreload_report_free(report);
}

static void only_layout(pyreload_reloader *reloader)
{
    const pyreload_module_report *m;
    pyreload_report *report;

    host_save("layout.py", "def f():\n    return 1\n");
    host_run("import layout");
    OK(pyreload_track_imports(reloader));
    host_save("layout.py", "# a remark\n\n\ndef f():\n    return 1\n");
    OK(pyreload_check(reloader, 0, &report));
    m = module_of(report, "layout");
    CHECK(pyreload_module_report_outcome(m) == PYRELOAD_OUTCOME_UNCHANGED);
    pyreload_report_free(report);
    CHECK(host_long("layout.f.__code__.co_firstlineno") == 4);
}

/* A dry run says what would be done, and why; notes are whole sentences. */
static void planned(pyreload_reloader *reloader)
{
    const pyreload_module_report *m;
    pyreload_report *report;
    size_t i;

    host_save("planned.py", "A = 1\nB = A + 1\n");
    host_run("import planned");
    OK(pyreload_track_imports(reloader));
    host_save("planned.py", "A = 2\nB = A + 1\n");
    OK(pyreload_check(reloader, PYRELOAD_CHECK_DRY_RUN, &report));
    CHECK(pyreload_report_is_dry_run(report));
    CHECK(strstr(pyreload_report_json(report), "\"dry_run\":true") != NULL);
    m = module_of(report, "planned");
    /* B did not change; A, which it reads, did. */
    CHECK(strstr(pyreload_change_reason(change_of(m, "B")), "A") != NULL);
    for (i = 0; i < pyreload_module_report_note_count(m); i++) {
        CHECK(*pyreload_module_report_note(m, i) != '\0');
    }
    pyreload_report_free(report);
    CHECK(host_long("planned.B") == 2);
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("planned.B") == 3);
}

/* The JSON says what the accessors say. */
static void json(const pyreload_report *report)
{
    PyObject *names = PyModule_GetDict(PyImport_AddModule("__main__"));
    PyObject *text = PyUnicode_FromString(pyreload_report_json(report));
    CHECK(text && PyDict_SetItemString(names, "text", text) == 0);
    Py_DECREF(text);
    host_run("import json\n"
             "report = json.loads(text)\n"
             "assert [m['name'] for m in report['modules']]"
             " == ['base', 'user'], report\n"
             "assert all(m['outcome'] in ('patched', 'executed', 'reloaded')"
             " for m in report['modules']), report\n"
             "user = report['modules'][1]\n"
             "assert user['path'].endswith('/user.py')\n"
             "assert user['cause'] == 'source', report\n"
             "size = [c for c in user['changes'] if c['name'] == 'Box.size']\n"
             "assert size[0]['kind'] == 'function', report\n"
             "assert size[0]['action'] == 'updated', report\n"
             "assert size[0]['line'] == 3, report\n");
}

static void *free_it(void *report)
{
    CHECK(pyreload_report_len(report) == 2);
    pyreload_report_free(report);
    return NULL;
}

int main(void)
{
    pyreload_reloader *reloader;
    pyreload_report *good, *failed;
    pthread_t thread;

    nothing();
    host_start();
    reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    good = success(reloader);
    failed = failure(reloader);
    syntax(reloader);
    only_layout(reloader);
    planned(reloader);
    json(good);
    pyreload_destroy(reloader);

    /* They outlive the reloader, and Python. */
    host_stop();
    CHECK(strstr(pyreload_report_text(failed), "missing") != NULL);
    CHECK(strstr(pyreload_report_json(failed), "missing") != NULL);
    CHECK(pyreload_module_report_error_line(module_of(failed, "fails")) == 3);
    pyreload_report_free(failed);
    CHECK(pthread_create(&thread, NULL, free_it, good) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}
