/* Chapter 7: callbacks, their order, keys and user_data; the events. */
#include "host.h"

#include <poll.h>

#define ALL_EVENTS                                                            \
    (PYRELOAD_EVENT_SOURCE_CHANGED | PYRELOAD_EVENT_BEFORE_RELOAD             \
     | PYRELOAD_EVENT_MODULE_RELOADED | PYRELOAD_EVENT_MODULE_FAILED          \
     | PYRELOAD_EVENT_AFTER_RELOAD)

static int version;

static void edit(void)
{
    char text[40];
    snprintf(text, sizeof text, "value = %d\n", ++version);
    host_save("mod.py", text);
}

/* ---- what a callback is told ---------------------------------------------- */

static char story[400];

static int tell(pyreload_reloader *reloader, const pyreload_event *event,
                void *user_data)
{
    const pyreload_module_report *module = pyreload_event_module(event);
    const pyreload_report *report = pyreload_event_report(event);
    uint32_t kind = pyreload_event_kind(event);
    char *end = story + strlen(story);

    CHECK(reloader != NULL && user_data != NULL);
    CHECK(PyGILState_Check());
    CHECK(pyreload_event_path(event) == NULL);
    switch (kind) {
    case PYRELOAD_EVENT_BEFORE_RELOAD:
        CHECK(module == NULL && report != NULL);
        CHECK(pyreload_report_len(report) == 1);
        CHECK(host_long("mod.value") == version - 1);
        strcpy(end, "before ");
        break;
    case PYRELOAD_EVENT_MODULE_RELOADED:
    case PYRELOAD_EVENT_MODULE_FAILED:
        CHECK(report == NULL && module != NULL);
        sprintf(end, "%s:%s ",
                kind == PYRELOAD_EVENT_MODULE_FAILED ? "failed" : "reloaded",
                pyreload_module_report_name(module));
        break;
    case PYRELOAD_EVENT_AFTER_RELOAD:
        CHECK(module == NULL && report != NULL);
        CHECK(pyreload_report_len(report) == 1);
        strcpy(end, "after ");
        break;
    default:
        CHECK(!"a known event");
    }
    return 0;
}

static void events(pyreload_reloader *reloader)
{
    counter data = {0, 0};
    uint64_t id = 0;

    OK(pyreload_add_callback(reloader, NULL,
                             ALL_EVENTS & ~PYRELOAD_EVENT_SOURCE_CHANGED, tell,
                             &data, count_free, &id));
    CHECK(id != 0);
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(strcmp(story, "") == 0);
    edit();
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(strcmp(story, "before reloaded:mod after ") == 0);
    story[0] = '\0';
    ++version;
    host_save("mod.py", "value = (\n");
    STATUS(PYRELOAD_ERR_RELOAD, pyreload_check(reloader, 0, NULL));
    CHECK(strcmp(story, "before failed:mod after ") == 0);
    story[0] = '\0';
    OK(pyreload_remove_callback(reloader, id));
    CHECK(data.freed == 1);
    STATUS(PYRELOAD_ERR_NOT_FOUND, pyreload_remove_callback(reloader, id));
    edit();
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(strcmp(story, "") == 0);

    CHECK(pyreload_event_kind(NULL) == 0);
    CHECK(pyreload_event_path(NULL) == NULL);
    CHECK(pyreload_event_module(NULL) == NULL);
    CHECK(pyreload_event_report(NULL) == NULL);
}

/* ---- registering ------------------------------------------------------------ */

static void idempotent(pyreload_reloader *reloader)
{
    counter a = {0, 0}, b = {0, 0};
    uint64_t first, second;

    /* Without a key: the same function with the same user_data. */
    OK(pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_AFTER_RELOAD,
                             count_call, &a, NULL, &first));
    OK(pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_AFTER_RELOAD,
                             count_call, &a, NULL, &second));
    CHECK(first == second);
    OK(pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_AFTER_RELOAD,
                             count_call, &b, NULL, &second));
    CHECK(first != second);
    edit();
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(a.calls == 1 && b.calls == 1);
    /* A second call replaces the events. */
    OK(pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_MODULE_FAILED,
                             count_call, &a, NULL, NULL));
    edit();
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(a.calls == 1 && b.calls == 2);
    OK(pyreload_remove_callback(reloader, first));
    OK(pyreload_remove_callback(reloader, second));

    /* With a key. */
    a.calls = b.calls = 0;
    OK(pyreload_add_callback(reloader, "key", PYRELOAD_EVENT_AFTER_RELOAD,
                             count_call, &a, count_free, &first));
    OK(pyreload_add_callback(reloader, "key", PYRELOAD_EVENT_AFTER_RELOAD,
                             count_call, &b, count_free, &second));
    CHECK(a.freed == 1 && b.freed == 0);
    edit();
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(a.calls == 0 && b.calls == 1);
    OK(pyreload_remove_callback(reloader, second));
    CHECK(a.freed == 1 && b.freed == 1);
}

/* The same user_data handed over again is freed once, when it is let go. */
static void same_data_again(pyreload_reloader *reloader)
{
    counter a = {0, 0};
    uint64_t id;

    OK(pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_AFTER_RELOAD,
                             count_call, &a, count_free, &id));
    OK(pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_AFTER_RELOAD,
                             count_call, &a, count_free, &id));
    CHECK(a.freed == 0);
    edit();
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(a.calls == 1 && a.freed == 0);
    OK(pyreload_remove_callback(reloader, id));
    CHECK(a.freed == 1);
}

static int first_one(pyreload_reloader *r, const pyreload_event *e, void *data)
{
    (void)r, (void)e, (void)data;
    strcat(story, "1");
    return 0;
}
static int second_one(pyreload_reloader *r, const pyreload_event *e, void *data)
{
    (void)r, (void)e, (void)data;
    strcat(story, "2");
    return 0;
}

static void order(pyreload_reloader *reloader)
{
    uint64_t one, two;
    story[0] = '\0';
    OK(pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_AFTER_RELOAD,
                             first_one, NULL, NULL, &one));
    OK(pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_AFTER_RELOAD,
                             second_one, NULL, NULL, &two));
    edit();
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(strcmp(story, "12") == 0);
    story[0] = '\0';
    OK(pyreload_remove_callback(reloader, one));
    OK(pyreload_remove_callback(reloader, two));
}

/* user_data is the library's also when the call fails. */
static void freed_on_failure(pyreload_reloader *reloader)
{
    counter data = {0, 0};
    uint64_t id = 7;

    STATUS(PYRELOAD_ERR_ARGUMENT,
           pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_AFTER_RELOAD,
                                 NULL, &data, count_free, &id));
    CHECK(data.freed == 1 && id == 0);
    STATUS(PYRELOAD_ERR_ARGUMENT,
           pyreload_add_callback(NULL, NULL, PYRELOAD_EVENT_AFTER_RELOAD,
                                 count_call, &data, count_free, &id));
    CHECK(data.freed == 2);
    STATUS(PYRELOAD_ERR_ARGUMENT,
           pyreload_add_callback(reloader, NULL, 1u << 29, count_call, &data,
                                 count_free, &id));
    CHECK(data.freed == 3);
    STATUS(PYRELOAD_ERR_ARGUMENT,
           pyreload_add_callback(reloader, "\xff", PYRELOAD_EVENT_AFTER_RELOAD,
                                 count_call, &data, count_free, &id));
    CHECK(data.freed == 4 && data.calls == 0);
    STATUS(PYRELOAD_ERR_NOT_FOUND, pyreload_remove_callback(reloader, 0));
    STATUS(PYRELOAD_ERR_NOT_FOUND,
           pyreload_remove_callback(reloader, UINT64_MAX));
}

/* ---- from within ------------------------------------------------------------- */

static uint64_t own_id;

static int remove_myself(pyreload_reloader *reloader, const pyreload_event *e,
                         void *user_data)
{
    counter *data = user_data;
    (void)e;
    data->calls++;
    OK(pyreload_remove_callback(reloader, own_id));
    CHECK(data->freed == 0);        /* this call still uses it */
    return 0;
}

static void removed_from_within(pyreload_reloader *reloader)
{
    counter data = {0, 0};
    OK(pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_AFTER_RELOAD,
                             remove_myself, &data, count_free, &own_id));
    edit();
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(data.calls == 1 && data.freed == 1);
    edit();
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(data.calls == 1 && data.freed == 1);
}

static int say_no(pyreload_reloader *reloader, const pyreload_event *event,
                  void *user_data)
{
    (void)reloader, (void)event;
    ++*(int *)user_data;
    return 1;
}

static void cancelled(pyreload_reloader *reloader)
{
    pyreload_report *report = (pyreload_report *)&report;
    counter after = {0, 0};
    uint64_t no, id;
    int asked = 0;

    OK(pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_BEFORE_RELOAD,
                             say_no, &asked, NULL, &no));
    OK(pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_AFTER_RELOAD,
                             count_call, &after, NULL, &id));
    edit();
    STATUS(PYRELOAD_ERR_CANCELLED, pyreload_check(reloader, 0, &report));
    CHECK(asked == 1 && after.calls == 0);
    pyreload_report_free(report);
    CHECK(host_long("mod.value") == version - 1);
    /* It stays pending. */
    STATUS(PYRELOAD_ERR_CANCELLED, pyreload_check(reloader, 0, NULL));
    CHECK(asked == 2);
    OK(pyreload_remove_callback(reloader, no));
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("mod.value") == version && after.calls == 1);
    OK(pyreload_remove_callback(reloader, id));
}

static int leave_exception(pyreload_reloader *reloader,
                           const pyreload_event *event, void *user_data)
{
    (void)reloader, (void)event, (void)user_data;
    PyErr_SetString(PyExc_RuntimeError, "left behind");
    return 0;
}

static void exception_left(pyreload_reloader *reloader)
{
    uint64_t id;
    OK(pyreload_add_callback(reloader, NULL,
                             PYRELOAD_EVENT_BEFORE_RELOAD
                                 | PYRELOAD_EVENT_MODULE_RELOADED
                                 | PYRELOAD_EVENT_AFTER_RELOAD,
                             leave_exception, NULL, NULL, &id));
    edit();
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(!PyErr_Occurred());
    CHECK(host_long("mod.value") == version);
    OK(pyreload_remove_callback(reloader, id));
}

static int destroy_it(pyreload_reloader *reloader, const pyreload_event *event,
                      void *user_data)
{
    counter *data = user_data;
    (void)event;
    data->calls++;
    pyreload_destroy(reloader);
    CHECK(data->freed == 0);
    return 0;
}

static void destroyed_from_within(uint32_t event)
{
    counter data = {0, 0}, other = {0, 0};
    pyreload_reloader *reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    OK(pyreload_add_callback(reloader, NULL, event, destroy_it, &data,
                             count_free, NULL));
    OK(pyreload_add_callback(reloader, NULL, ALL_EVENTS, count_call, &other,
                             count_free, NULL));
    edit();
    pyreload_check(reloader, 0, NULL);
    CHECK(data.calls == 1 && data.freed == 1 && other.freed == 1);
}

/* ---- the wake-up callback ------------------------------------------------------ */

static int source_changed(pyreload_reloader *reloader,
                          const pyreload_event *event, void *user_data)
{
    const char *path = pyreload_event_path(event);
    (void)reloader;
    CHECK(pyreload_event_kind(event) == PYRELOAD_EVENT_SOURCE_CHANGED);
    CHECK(path != NULL && strstr(path, "mod.py") != NULL);
    CHECK(pyreload_event_module(event) == NULL);
    CHECK(pyreload_event_report(event) == NULL);
    __atomic_add_fetch(&((counter *)user_data)->calls, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void woken(void)
{
    counter data = {0, 0};
    double end;
    pyreload_reloader *reloader = host_reloader(PYRELOAD_TRIGGER_NONE);

    OK(pyreload_add_callback(reloader, NULL, PYRELOAD_EVENT_SOURCE_CHANGED,
                             source_changed, &data, count_free, NULL));
    edit();
    end = host_seconds() + 10;
    Py_BEGIN_ALLOW_THREADS
    while (__atomic_load_n(&data.calls, __ATOMIC_SEQ_CST) == 0
           && host_seconds() < end) {
        poll(NULL, 0, 5);
    }
    Py_END_ALLOW_THREADS
    CHECK(data.calls >= 1);
    /* Nothing was reloaded for that. */
    CHECK(host_long("mod.value") == version - 1);
    OK(pyreload_check(reloader, 0, NULL));
    CHECK(host_long("mod.value") == version);
    pyreload_destroy(reloader);
    CHECK(data.freed == 1);
}

int main(void)
{
    pyreload_reloader *reloader;
    counter last = {0, 0};

    host_start();
    edit();
    host_run("import mod");
    reloader = host_reloader(PYRELOAD_TRIGGER_NONE);
    events(reloader);
    idempotent(reloader);
    same_data_again(reloader);
    order(reloader);
    freed_on_failure(reloader);
    removed_from_within(reloader);
    cancelled(reloader);
    exception_left(reloader);
    OK(pyreload_add_callback(reloader, "last", ALL_EVENTS, count_call, &last,
                             count_free, NULL));
    pyreload_destroy(reloader);
    CHECK(last.freed == 1 && last.calls == 0);

    destroyed_from_within(PYRELOAD_EVENT_BEFORE_RELOAD);
    destroyed_from_within(PYRELOAD_EVENT_MODULE_RELOADED);
    destroyed_from_within(PYRELOAD_EVENT_AFTER_RELOAD);
    woken();
    host_stop();
    return 0;
}
