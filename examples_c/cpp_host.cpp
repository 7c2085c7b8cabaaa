// cpp_host.cpp - a C++ program with a signal/slot table whose slots are Python
// functions, as Qt programs with Python scripting have.
//
// Shows: pyreload.hpp. A reloader ends by itself; one dispatch_scope at the top
// of a function stands for trigger and track_imports, also when the function is
// left by an exception; callbacks are lambdas; a failed module is data in the
// report, not an exception.
//
// With pybind11 (Debian: pybind11-dev; pip: pybind11) it uses that for Python,
// without it the plain C API: the reloader needs neither.
//
// Build by hand:
//
//     c++ -std=c++17 -o cpp_host cpp_host.cpp -I../include
//         $(python3-config --includes) -L../target/release -lpyreload
//         -Wl,-rpath,'$ORIGIN/../target/release'
//         $(python3-config --embed --ldflags)
//
// (one line), and -I$(python3 -m pybind11 --includes) for pip's pybind11.
#define PY_SSIZE_T_CLEAN
#if __has_include(<pybind11/embed.h>) && !defined(WITHOUT_PYBIND11)
#  include <pybind11/embed.h>
#  define WITH_PYBIND11 1
#else
#  include <Python.h>
#  define WITH_PYBIND11 0
#endif

#include <pyreload.hpp>

#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "demo.h"

// ---- a little Python, both ways ---------------------------------------------

#if WITH_PYBIND11
namespace py = pybind11;
using interpreter = py::scoped_interpreter;
using slot = py::object;

static slot import_slot(const char *module, const char *name)
{
    return py::module_::import(module).attr(name);
}
static std::string call(const slot &function, int value)
{
    return py::str(function(value));
}
#else
struct interpreter {
    interpreter() { Py_Initialize(); }
    ~interpreter() { Py_FinalizeEx(); }
};
class slot {
public:
    explicit slot(PyObject *o) : object_(o) {}
    slot(const slot &other) : object_(other.object_) { Py_XINCREF(object_); }
    slot &operator=(const slot &) = delete;
    ~slot() { Py_XDECREF(object_); }
    PyObject *get() const { return object_; }

private:
    PyObject *object_;
};
static slot import_slot(const char *module, const char *name)
{
    slot m(PyImport_ImportModule(module));
    slot function(m.get() ? PyObject_GetAttrString(m.get(), name) : nullptr);
    if (!function.get()) {
        PyErr_Print();
        throw std::runtime_error("no such slot");
    }
    return function;
}
static std::string call(const slot &function, int value)
{
    slot result(PyObject_CallFunction(function.get(), "i", value));
    const char *text = result.get() ? PyUnicode_AsUTF8(result.get()) : nullptr;
    if (!text) {
        PyErr_Print();
        throw std::runtime_error("the slot raised");
    }
    return text;
}
#endif

// ---- the program ------------------------------------------------------------

namespace {
class signals {
public:
    explicit signals(pyreload::reloader &r) : reloader_(r) {}
    void connect(const std::string &name, slot s) { slots_.emplace(name, s); }

    std::string emit(const std::string &name, int value)
    {
        // All that hot reload asks of the place where Python is entered.
        pyreload::dispatch_scope scope(reloader_, PYRELOAD_TRIGGER_EVENT);

        auto found = slots_.find(name);
        if (found == slots_.end()) {
            throw std::runtime_error("no slot for " + name);
        }
        return call(found->second, value);
    }

private:
    pyreload::reloader &reloader_;
    std::map<std::string, slot> slots_;
};
}  // namespace

static void expect_text(const std::string &is, const std::string &wanted)
{
    std::cout << "  " << is << "\n";
    demo_expect(is == wanted, wanted.c_str());
}

static void run(demo_folder &folder)
{
    interpreter python;                     // ends after all that stands below
    demo_python(folder.path);

    pyreload::options options;
    options.trigger_mode = PYRELOAD_TRIGGER_EVENT;
    pyreload::reloader reloader(options);

    std::vector<std::string> failures;
    reloader.on(PYRELOAD_EVENT_MODULE_FAILED,
                [&failures](const pyreload::event &event) {
                    failures.emplace_back(event.module().error());
                });

    demo_save(&folder, "knobs.py",
              "def turned(value):\n"
              "    return 'turned to %d' % value\n");
    signals s(reloader);
    s.connect("turned", import_slot("knobs", "turned"));
    expect_text(s.emit("turned", 3), "turned to 3");

    std::cout << "\n... knobs.py is saved ...\n";
    demo_save(&folder, "knobs.py",
              "def turned(value):\n"
              "    return 'turned up to %d' % value\n");
    expect_text(s.emit("turned", 4), "turned up to 4");

    std::cout << "\n... saved with an error that shows when it runs ...\n";
    demo_save(&folder, "knobs.py",
              "limit = 11 / 0\n"
              "def turned(value):\n"
              "    return 'broken'\n");
    expect_text(s.emit("turned", 5), "turned up to 5");
    demo_expect(failures.size() == 1, "one failure was told");
    std::cout << "  (" << failures[0] << ")\n";

    std::cout << "\n... mended, and asked for by hand ...\n";
    demo_save(&folder, "knobs.py",
              "limit = 11\n"
              "def turned(value):\n"
              "    return 'turned to %d of %d' % (value, limit)\n");
    pyreload::report report = reloader.check();
    std::cout << report.text();
    demo_expect(bool(report) && report.all_current(), "a clean report");
    for (const auto &module : report) {
        demo_expect(module.name() == "knobs" && module.size() == 2,
                    "two changes, in knobs");
    }
    expect_text(s.emit("turned", 6), "turned to 6 of 11");

    try {
        s.emit("unknown", 0);
        demo_expect(false, "an exception of the program's own");
    } catch (const std::runtime_error &) {
        // left the scope as if nothing had happened
    }
    expect_text(s.emit("turned", 7), "turned to 7 of 11");
}

int main()
{
    demo_folder folder;
    demo_open(&folder);
    try {
        run(folder);
    } catch (const std::exception &e) {
        demo_expect(false, e.what());
    }
    demo_close(&folder);
    std::cout << "\nok: a slot connected once, "
              << (WITH_PYBIND11 ? "with pybind11.\n" : "without pybind11.\n");
    return 0;
}
