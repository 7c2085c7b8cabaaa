/* Chapter 6: rules, the module list, namespaces, the importable module. */
#include "host.h"

static int find(const pyreload_module_list *list, const char *name)
{
    size_t i;
    for (i = 0; i < pyreload_module_list_len(list); i++) {
        if (strcmp(pyreload_module_list_name(list, i), name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static pyreload_module_state state(pyreload_reloader *reloader,
                                   const char *name)
{
    pyreload_module_list *list;
    pyreload_module_state s = PYRELOAD_MODULE_NONE;
    int i;
    OK(pyreload_modules(reloader, &list));
    i = find(list, name);
    if (i >= 0) {
        s = pyreload_module_list_state(list, (size_t)i);
    }
    pyreload_module_list_free(list);
    return s;
}

static void lists(pyreload_reloader *reloader)
{
    pyreload_module_list *list;
    char path[PATH_MAX + 80];
    size_t i, n;

    host_save("listed.py", "x = 1\n");
    host_run("import listed, json");
    OK(pyreload_modules(reloader, &list));
    n = pyreload_module_list_len(list);
    CHECK(n == (size_t)host_long("sum(isinstance(m, type(__import__('sys'))) "
                               "for m in __import__('sys').modules.values())"));
    for (i = 0; i < n; i++) {
        CHECK(pyreload_module_list_name(list, i) != NULL);
        CHECK(pyreload_module_list_state(list, i) != PYRELOAD_MODULE_NONE);
        if (i > 0) {
            CHECK(strcmp(pyreload_module_list_name(list, i - 1),
                         pyreload_module_list_name(list, i)) < 0);
        }
    }
    CHECK(find(list, "listed") >= 0);
    i = (size_t)find(list, "listed");
    CHECK(pyreload_module_list_state(list, i) == PYRELOAD_MODULE_CURRENT);
    CHECK(pyreload_module_list_reload_count(list, i) == 0);
    CHECK(pyreload_module_list_is_user(list, i) == 1);
    snprintf(path, sizeof path, "%s/listed.py", host_folder.path);
    CHECK(strcmp(pyreload_module_list_path(list, i), path) == 0);
    /* Built in, and of the standard library. */
    i = (size_t)find(list, "sys");
    CHECK(pyreload_module_list_state(list, i) == PYRELOAD_MODULE_NO_SOURCE);
    CHECK(pyreload_module_list_path(list, i) == NULL);
    CHECK(pyreload_module_list_is_user(list, i) == 0);
    i = (size_t)find(list, "json");
    CHECK(pyreload_module_list_state(list, i) == PYRELOAD_MODULE_EXCLUDED);
    CHECK(pyreload_module_list_path(list, i) != NULL);
    CHECK(pyreload_module_list_is_user(list, i) == 0);
    /* Too large an index, and no list. */
    CHECK(pyreload_module_list_name(list, n) == NULL);
    CHECK(pyreload_module_list_path(list, SIZE_MAX) == NULL);
    CHECK(pyreload_module_list_state(list, n) == PYRELOAD_MODULE_NONE);
    CHECK(pyreload_module_list_reload_count(list, n) == 0);
    CHECK(pyreload_module_list_is_user(list, n) == 0);
    CHECK(pyreload_module_list_is_user(NULL, 0) == 0);
    CHECK(pyreload_module_list_len(NULL) == 0);
    CHECK(pyreload_module_list_name(NULL, 0) == NULL);
    CHECK(pyreload_module_list_path(NULL, 0) == NULL);
    CHECK(pyreload_module_list_state(NULL, 0) == PYRELOAD_MODULE_NONE);
    CHECK(pyreload_module_list_reload_count(NULL, 0) == 0);
    pyreload_module_list_free(NULL);

    host_save("listed.py", "x = 2\n");
    CHECK(state(reloader, "listed") == PYRELOAD_MODULE_STALE);
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(state(reloader, "listed") == PYRELOAD_MODULE_CURRENT);
    /* The old list is of its moment; a new one counts. */
    i = (size_t)find(list, "listed");
    CHECK(pyreload_module_list_reload_count(list, i) == 0);
    pyreload_module_list_free(list);
    OK(pyreload_modules(reloader, &list));
    i = (size_t)find(list, "listed");
    CHECK(pyreload_module_list_reload_count(list, i) == 1);
    pyreload_module_list_free(list);
}

/* Saves name.py with a value of its own, checks, says if the value is live. */
static int follows(pyreload_reloader *reloader, const char *file,
                   const char *value)
{
    static int number;
    char text[40];
    snprintf(text, sizeof text, "value = %d\n", ++number);
    host_save(file, text);
    OK(pyreload_check(reloader, 0, NULL));
    return host_long(value) == number;
}

static void rules(pyreload_reloader *reloader)
{
    host_save("ruled.py", "value = 0\n");
    host_save("ruled2.py", "value = 0\n");
    host_run("import ruled, ruled2, sys, types\n"
             "pkg = types.ModuleType('rpkg')\n");
    CHECK(follows(reloader, "ruled.py", "ruled.value"));

    OK(pyreload_exclude(reloader, "ruled"));
    OK(pyreload_exclude(reloader, "ruled"));
    CHECK(state(reloader, "ruled") == PYRELOAD_MODULE_EXCLUDED);
    CHECK(!follows(reloader, "ruled.py", "ruled.value"));
    /* "ruled" is not "ruled2". */
    CHECK(follows(reloader, "ruled2.py", "ruled2.value"));

    OK(pyreload_include(reloader, "ruled"));
    CHECK(follows(reloader, "ruled.py", "ruled.value"));
    OK(pyreload_exclude(reloader, "ruled"));
    OK(pyreload_forget_rule(reloader, "ruled"));
    STATUS(PYRELOAD_ERR_NOT_FOUND, pyreload_forget_rule(reloader, "ruled"));
    CHECK(follows(reloader, "ruled.py", "ruled.value"));

    /* For what is not imported yet. */
    OK(pyreload_exclude(reloader, "ruled3"));
    host_save("ruled3.py", "value = 0\n");
    host_run("import ruled3");
    CHECK(!follows(reloader, "ruled3.py", "ruled3.value"));

    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_include(reloader, "\xc3\x28"));
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_exclude(reloader, "\xc3\x28"));
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_forget_rule(reloader, "\xc3\x28"));
}

/* Of the rules that cover a module the longest wins. */
static void longest_rule(pyreload_reloader *reloader)
{
    host_run("import os, sys\n"
             "os.makedirs(os.path.join(sys.path[0], 'pkg'))\n");
    host_save("pkg/__init__.py", "");
    host_save("pkg/a.py", "value = 0\n");
    host_save("pkg/b.py", "value = 0\n");
    host_run("import pkg.a, pkg.b");
    OK(pyreload_exclude(reloader, "pkg"));
    OK(pyreload_include(reloader, "pkg.b"));
    CHECK(!follows(reloader, "pkg/a.py", "pkg.a.value"));
    CHECK(follows(reloader, "pkg/b.py", "pkg.b.value"));
    OK(pyreload_forget_rule(reloader, "pkg"));
    CHECK(follows(reloader, "pkg/a.py", "pkg.a.value"));
    host_run("import shutil\n"
             "shutil.rmtree(os.path.join(sys.path[0], 'pkg'))\n");
}

static void scope_none(void)
{
    pyreload_options options;
    pyreload_reloader *reloader;
    host_save("scoped.py", "value = 0\n");
    host_save("scoped2.py", "value = 0\n");
    host_run("import scoped, scoped2");
    pyreload_options_init(&options, sizeof options);
    options.scope = PYRELOAD_SCOPE_NONE;
    OK(pyreload_create(&options, &reloader));
    OK(pyreload_include(reloader, "scoped2"));
    CHECK(!follows(reloader, "scoped.py", "scoped.value"));
    CHECK(follows(reloader, "scoped2.py", "scoped2.value"));
    pyreload_destroy(reloader);
}

/* How a module is brought up to date, said by the program. */
static void policies(pyreload_reloader *reloader)
{
    static const char first[] =
        "import builtins\n"
        "builtins.policy_runs = getattr(builtins, 'policy_runs', 0) + 1\n"
        "def f():\n    return 1\n";
    static const char second[] =
        "import builtins\n"
        "builtins.policy_runs = getattr(builtins, 'policy_runs', 0) + 1\n"
        "def f():\n    return 2\n";

    host_save("policed.py", first);
    host_run("import policed\nf = policed.f");
    OK(pyreload_track_imports(reloader));
    host_save("policed.py", second);
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("f()") == 2 && host_long("policy_runs") == 1);

    OK(pyreload_set_policy(reloader, "policed", PYRELOAD_POLICY_FULL));
    host_save("policed.py", first);
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("f()") == 1 && host_long("policy_runs") == 2);
    CHECK(host_long("f is policed.f") == 1);

    OK(pyreload_set_policy(reloader, "policed", PYRELOAD_POLICY_SKIP));
    host_save("policed.py", second);
    pyreload_check(reloader, 0, NULL);
    CHECK(host_long("f()") == 1 && host_long("policy_runs") == 2);

    OK(pyreload_set_policy(reloader, "policed", PYRELOAD_POLICY_INCREMENTAL));
    host_save("policed.py", "def f():\n    return 3\n");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("f()") == 3);

    OK(pyreload_set_policy(reloader, "not.imported", PYRELOAD_POLICY_FULL));
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_set_policy(reloader, "policed", 9));
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_set_policy(reloader, "\xff", 0));
}

static long of(PyObject *dict, const char *name)
{
    PyObject *value = PyDict_GetItemString(dict, name);
    return value ? PyLong_AsLong(value) : -1;
}

static void namespaces(pyreload_reloader *reloader)
{
    PyObject *mine = PyDict_New(), *list = PyList_New(0), *result;
    Py_ssize_t references;

    PyDict_SetItemString(mine, "__builtins__", PyEval_GetBuiltins());
    host_save("spaced.py", "X = 1\n");
    references = Py_REFCNT(mine);
    OK(pyreload_track_namespace(reloader, mine));
    OK(pyreload_track_namespace(reloader, mine));
    result = PyRun_String("from spaced import X, X as Y", Py_file_input, mine,
                          mine);
    CHECK(result != NULL);
    Py_DECREF(result);
    host_run("from spaced import X");
    OK(pyreload_track_imports(reloader));
    host_save("spaced.py", "X = 2\n");
    OK(pyreload_check(reloader, 0, NULL));
    /* Y has no statement of import that we know: its value is one of many 1s. */
    CHECK(of(mine, "X") == 2 && of(mine, "Y") == 1);
    CHECK(host_long("X") == 2);

    OK(pyreload_forget_namespace(reloader, mine));
    STATUS(PYRELOAD_ERR_NOT_FOUND, pyreload_forget_namespace(reloader, mine));
    CHECK(Py_REFCNT(mine) == references);
    host_save("spaced.py", "X = 3\n");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(of(mine, "X") == 2 && host_long("X") == 3);

    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_track_namespace(reloader, list));
    Py_DECREF(list);
    Py_DECREF(mine);
}

static void importable(pyreload_reloader *reloader)
{
    OK(pyreload_install_module(reloader, NULL));
    OK(pyreload_install_module(reloader, NULL));
    OK(pyreload_install_module(reloader, "mytool.reload"));
    STATUS(PYRELOAD_ERR_ARGUMENT, pyreload_install_module(reloader, "\xff"));
    host_save("scripted.py", "value = 1\n");
    host_run("import pyreload, scripted, sys\n"
             "assert 'mytool.reload' in sys.modules\n"
             "pyreload.autoreload(True)\n");
    CHECK(pyreload_trigger_mode(reloader)
          == (PYRELOAD_TRIGGER_SCRIPT | PYRELOAD_TRIGGER_COMMAND));
    host_run("pyreload.autoreload(True, script=False, command=False,"
             " event=True)");
    CHECK(pyreload_trigger_mode(reloader) == PYRELOAD_TRIGGER_EVENT);
    host_run("pyreload.autoreload(False)");
    CHECK(pyreload_trigger_mode(reloader) == PYRELOAD_TRIGGER_NONE);

    host_run("pyreload.check()\n"
             "assert 'scripted' in str(pyreload.modules())\n");
    host_save("scripted.py", "value = 2\n");
    host_run("pyreload.check()\n"
             "assert scripted.value == 2\n"
             "assert 'scripted' in str(pyreload.last_report())\n"
             "pyreload.exclude('scripted')\n");
    host_save("scripted.py", "value = 3\n");
    host_run("pyreload.check()\n"
             "assert scripted.value == 2\n"
             "pyreload.reload('scripted')\n"
             "assert scripted.value == 3\n"
             "pyreload.include('scripted')\n");
    host_save("scripted.py", "value = 4\n");
    host_run("pyreload.check()\n"
             "assert scripted.value == 4\n"
             "try:\n"
             "    pyreload.reload('no.such')\n"
             "except Exception as e:\n"
             "    assert 'no.such' in str(e), e\n"
             "else:\n"
             "    raise AssertionError('no exception')\n");
}

/* A host that runs each script as a module of its own, and lets go of it. */
static void passing(pyreload_reloader *reloader)
{
    pyreload_stats_t stats;
    uint64_t before;
    int i;

    host_save("stays.py", "value = 1\n");
    host_run("import stays");
    OK(pyreload_check(reloader, 0, NULL));
    stats.struct_size = sizeof stats;
    OK(pyreload_stats(reloader, &stats));
    before = stats.tracked_modules;
    for (i = 0; i < 1000; i++) {
        char code[512];
        char file[32];
        snprintf(file, sizeof file, "passing%d.py", i);
        host_save(file, "import stays, sys\nvalue = stays.value\n");
        snprintf(code, sizeof code,
                 "import passing%d as module, sys\n"
                 "assert module.value == 1\n", i);
        host_run(code);
        OK(pyreload_check(reloader, 0, NULL));
        snprintf(code, sizeof code, "del module, sys.modules['passing%d']\n",
                 i);
        host_run(code);
    }
    OK(pyreload_stats(reloader, &stats));
    CHECK(stats.tracked_modules < before + 200);
    /* What stays is followed, and so is one that comes back. */
    host_save("stays.py", "value = 2\n");
    host_run("import passing1 as module");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("stays.value") == 2 && host_long("module.value") == 2);
    host_save("passing1.py", "value = 3\n");
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("module.value") == 3);
}

int main(void)
{
    pyreload_reloader *reloader;

    host_start();
    reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    lists(reloader);
    rules(reloader);
    longest_rule(reloader);
    scope_none();
    policies(reloader);
    namespaces(reloader);
    importable(reloader);
    passing(reloader);
    pyreload_destroy(reloader);
    /* Without its reloader the module says so, and nothing crashes. */
    host_run("try:\n"
             "    pyreload.check()\n"
             "except Exception:\n"
             "    pass\n"
             "else:\n"
             "    raise AssertionError('no exception')\n");
    host_stop();
    return 0;
}
