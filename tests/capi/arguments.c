/* A NULL for each argument that may not be one: a status, never a crash; and
 * each out parameter is written. */
#include "host.h"

#define JUNK ((void *)&junk)
#define NULL_(call) STATUS(PYRELOAD_ERR_ARGUMENT, call)

int main(void)
{
    pyreload_reloader *r;
    pyreload_report *report;
    pyreload_module_list *list;
    pyreload_options options;
    pyreload_stats_t stats;
    counter data = {0, 0};
    uint64_t id;
    int junk = 0;

    host_start();

    NULL_(pyreload_create(NULL, NULL));
    pyreload_options_init(NULL, sizeof options);
    pyreload_options_init(&options, sizeof options);
    NULL_(pyreload_create(&options, NULL));
    pyreload_destroy(NULL);

    NULL_(pyreload_set_trigger_mode(NULL, 0));
    CHECK(pyreload_trigger_mode(NULL) == PYRELOAD_TRIGGER_NONE);
    report = JUNK;
    NULL_(pyreload_trigger(NULL, PYRELOAD_TRIGGER_EVENT, &report));
    CHECK(report == NULL);
    NULL_(pyreload_trigger(NULL, PYRELOAD_TRIGGER_EVENT, NULL));
    NULL_(pyreload_track_imports(NULL));

    report = JUNK;
    NULL_(pyreload_check(NULL, 0, &report));
    CHECK(report == NULL);
    NULL_(pyreload_check(NULL, 0, NULL));
    report = JUNK;
    NULL_(pyreload_reload(NULL, "sys", 0, &report));
    CHECK(report == NULL);
    CHECK(pyreload_pending(NULL) == 0);
    CHECK(pyreload_notify_fd(NULL) == -1);

    stats.struct_size = sizeof stats;
    NULL_(pyreload_stats(NULL, &stats));
    NULL_(pyreload_set_policy(NULL, "a", PYRELOAD_POLICY_FULL));

    NULL_(pyreload_include(NULL, "a"));
    NULL_(pyreload_exclude(NULL, "a"));
    NULL_(pyreload_forget_rule(NULL, "a"));
    list = JUNK;
    NULL_(pyreload_modules(NULL, &list));
    CHECK(list == NULL);
    pyreload_module_list_free(NULL);
    NULL_(pyreload_track_namespace(NULL, Py_None));
    NULL_(pyreload_forget_namespace(NULL, Py_None));
    NULL_(pyreload_install_module(NULL, NULL));

    id = 5;
    NULL_(pyreload_add_callback(NULL, NULL, PYRELOAD_EVENT_AFTER_RELOAD,
                                count_call, &data, count_free, &id));
    CHECK(id == 0 && data.freed == 1);
    NULL_(pyreload_remove_callback(NULL, 1));
    CHECK(pyreload_event_kind(NULL) == 0);
    CHECK(pyreload_event_path(NULL) == NULL);
    CHECK(pyreload_event_module(NULL) == NULL);
    CHECK(pyreload_event_report(NULL) == NULL);
    pyreload_report_free(NULL);
    CHECK(pyreload_report_len(NULL) == 0);
    CHECK(strcmp(pyreload_report_json(NULL), "{}") == 0);
    OK(pyreload_set_log(PYRELOAD_LOG_TRACE, NULL, NULL, NULL));

    /* With a reloader, each of the other arguments. */
    r = host_reloader(PYRELOAD_TRIGGER_EVENT);
    OK(pyreload_trigger(r, PYRELOAD_TRIGGER_EVENT, NULL));
    OK(pyreload_check(r, 0, NULL));
    report = JUNK;
    NULL_(pyreload_reload(r, NULL, 0, &report));
    CHECK(report == NULL);
    NULL_(pyreload_reload(r, "sys\xff", 0, NULL));
    NULL_(pyreload_reload(r, "json", 1u << 20, NULL));
    NULL_(pyreload_check(r, 1u << 20, NULL));
    NULL_(pyreload_include(r, NULL));
    NULL_(pyreload_exclude(r, NULL));
    NULL_(pyreload_forget_rule(r, NULL));
    NULL_(pyreload_modules(r, NULL));
    NULL_(pyreload_stats(r, NULL));
    NULL_(pyreload_set_policy(r, NULL, PYRELOAD_POLICY_FULL));
    NULL_(pyreload_track_namespace(r, NULL));
    NULL_(pyreload_track_namespace(r, Py_None));
    NULL_(pyreload_forget_namespace(r, NULL));
    NULL_(pyreload_add_callback(r, NULL, PYRELOAD_EVENT_AFTER_RELOAD, NULL,
                                &data, count_free, NULL));
    CHECK(data.freed == 2);
    OK(pyreload_add_callback(r, NULL, PYRELOAD_EVENT_AFTER_RELOAD, count_call,
                             NULL, NULL, NULL));
    CHECK(!PyErr_Occurred());
    pyreload_destroy(r);
    host_stop();
    return 0;
}
