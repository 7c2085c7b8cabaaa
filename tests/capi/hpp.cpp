// pyreload.hpp: what each class promises on top of the C API.
#include "host.h"

#include <pyreload.hpp>

#include <string>
#include <type_traits>
#include <utility>

static_assert(!std::is_copy_constructible_v<pyreload::reloader>);
static_assert(std::is_nothrow_move_constructible_v<pyreload::reloader>);
static_assert(!std::is_copy_constructible_v<pyreload::report>);
static_assert(std::is_move_constructible_v<pyreload::report>);

static int number;

static void edit()
{
    host_save("mod.py", ("value = " + std::to_string(++number) + "\n").c_str());
}

template <class Call>
static int status_of(Call call)
{
    try {
        call();
    } catch (const pyreload::error &e) {
        CHECK(*e.what() != '\0');
        return e.status();
    }
    return PYRELOAD_OK;
}

static void reports(pyreload::reloader &r)
{
    CHECK(!r.check());
    edit();
    pyreload::report first = r.check(PYRELOAD_CHECK_DRY_RUN);
    CHECK(first && first.is_dry_run() && first.size() == 1);
    pyreload::report second = r.check();
    CHECK(second && !second.is_dry_run() && second.all_current());
    CHECK(second[0].name() == "mod" && second.duration_ns() > 0);
    CHECK(second.text().find("mod") != std::string::npos);
    CHECK(second.json().front() == '{');
    int changes = 0;
    for (const auto &module : second) {
        for (const auto &change : module) {
            CHECK(change.name() == "value");
            CHECK(change.line() == 1);
            changes++;
        }
    }
    CHECK(changes == 1);
    // Moved from, it is empty; moved over, the old one is freed.
    pyreload::report third = std::move(second);
    CHECK(third && !second && second.size() == 0);
    first = std::move(third);
    CHECK(first && !third && first.get() != nullptr);

    // A failed module is a report, not an exception.
    host_save("mod.py", "raise ValueError('no')\n");
    pyreload::report failed = r.check();
    CHECK(failed && !failed.all_current());
    CHECK(failed.count(PYRELOAD_OUTCOME_FAILED) == 1);
    CHECK(failed[0].error() == "ValueError: no");
    edit();
    CHECK(r.reload("mod").size() == 1);
    CHECK(host_long("mod.value") == number);
}

static void errors(pyreload::reloader &r)
{
    CHECK(status_of([&] { r.reload("no.such"); }) == PYRELOAD_ERR_NOT_FOUND);
    CHECK(status_of([&] { r.forget_rule("none"); }) == PYRELOAD_ERR_NOT_FOUND);
    CHECK(status_of([&] { r.off(12345); }) == PYRELOAD_ERR_NOT_FOUND);
    CHECK(status_of([&] { r.include("\xff"); }) == PYRELOAD_ERR_ARGUMENT);
    CHECK(status_of([] {
              pyreload::options o;
              o.scope = 99;
              pyreload::reloader refused(o);
          })
          == PYRELOAD_ERR_ARGUMENT);
}

static int alive;
struct counted {
    counted() { alive++; }
    counted(const counted &) { alive++; }
    counted(counted &&) noexcept { alive++; }
    ~counted() { alive--; }
};

static void callbacks()
{
    int calls = 0;
    {
        pyreload::reloader r;
        auto id = r.on(PYRELOAD_EVENT_AFTER_RELOAD,
                       [&calls, c = counted()](const pyreload::event &e) {
                           CHECK(e.kind() == PYRELOAD_EVENT_AFTER_RELOAD);
                           CHECK(e.report().size() == 1);
                           calls++;
                       });
        r.on(PYRELOAD_EVENT_AFTER_RELOAD,
             [c = counted()](const pyreload::event &) { throw 1; }, "thrower");
        CHECK(alive == 2);
        edit();
        r.check();
        CHECK(calls == 1 && host_long("mod.value") == number);
        r.off(id);
        CHECK(alive == 1);
        auto no = r.on(PYRELOAD_EVENT_BEFORE_RELOAD,
                       [](const pyreload::event &) { return true; });
        edit();
        CHECK(status_of([&] { r.check(); }) == PYRELOAD_ERR_CANCELLED);
        r.off(no);
        CHECK(status_of([&] { r.on(1u << 30, [c = counted()](auto &) {}); })
              == PYRELOAD_ERR_ARGUMENT);
        CHECK(alive == 1);
        r.check();
        CHECK(calls == 1);
    }
    CHECK(alive == 0);
}

static void modules(pyreload::reloader &r)
{
    bool found = false;
    for (const auto &row : r.modules()) {
        if (row.name() == "mod") {
            found = true;
            CHECK(row.is_user() && row.state() == PYRELOAD_MODULE_CURRENT);
            CHECK(row.reload_count() > 0 && !row.path().empty());
        }
    }
    CHECK(found);
    CHECK(r.stats().tracked_modules >= 1);
    CHECK(r.pending() == 0);
    r.set_policy("mod", PYRELOAD_POLICY_INCREMENTAL);
    r.exclude("mod");
    r.forget_rule("mod");
    r.install_module("cpp_reload");
    r.track_namespace(PyModule_GetDict(PyImport_AddModule("__main__")));
}

static void scopes(pyreload::reloader &r)
{
    r.set_trigger_mode(PYRELOAD_TRIGGER_SCRIPT);
    CHECK(r.trigger_mode() == PYRELOAD_TRIGGER_SCRIPT);
    edit();
    {
        pyreload::dispatch_scope event(r, PYRELOAD_TRIGGER_EVENT);
        CHECK(event.status() == PYRELOAD_OK);
        CHECK(host_long("mod.value") == number - 1);
    }
    {
        pyreload::dispatch_scope script(r, PYRELOAD_TRIGGER_SCRIPT);
        CHECK(host_long("mod.value") == number);
        host_save("scoped.py", "value = 1\n");
        host_run("import scoped");
    }
    host_save("scoped.py", "value = 2\n");
    CHECK(r.trigger(PYRELOAD_TRIGGER_SCRIPT));
    CHECK(host_long("scoped.value") == 2);
    host_save("mod.py", "def\n");
    pyreload::dispatch_scope failing(r, PYRELOAD_TRIGGER_SCRIPT);
    CHECK(failing.status() == PYRELOAD_ERR_RELOAD);
}

int main()
{
    host_start();
    edit();
    host_run("import mod");
    {
        pyreload::reloader first;
        pyreload::reloader r(std::move(first));
        CHECK(first.get() == nullptr && r.get() != nullptr);
        CHECK(status_of([&] { first.check(); }) == PYRELOAD_ERR_ARGUMENT);
        reports(r);
        errors(r);
        callbacks();
        modules(r);
        scopes(r);
    }
    host_stop();
    return 0;
}
