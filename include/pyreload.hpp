/*
 * pyreload.hpp - pyreload.h for C++17 and newer: handles that end themselves,
 *                errors as exceptions, callbacks as lambdas.
 *
 * It adds no meaning: pyreload.h is the reference, and what is missing here can
 * be had through reloader::get(). Header only; needs nothing but the standard
 * library.
 *
 *     pyreload::options options;
 *     options.trigger_mode = PYRELOAD_TRIGGER_SCRIPT;
 *     pyreload::reloader reloader(options);
 *
 *     reloader.on(PYRELOAD_EVENT_AFTER_RELOAD, [](const pyreload::event &e) {
 *         std::cout << e.report().text();
 *     });
 *
 *     {   // wherever the program is about to hand control to Python:
 *         pyreload::dispatch_scope scope(reloader, PYRELOAD_TRIGGER_SCRIPT);
 *         PyRun_SimpleFile(file, path);
 *     }
 *
 * A failed *module* is no exception: check() returns the report, which says so.
 * Views (change, module_report, event, module_row) are good as long as what
 * they were read from.
 */

#ifndef PYRELOAD_HPP
#define PYRELOAD_HPP

#include "pyreload.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pyreload {

/** A call that did not do what it says. Never about a single module. */
class error : public std::runtime_error {
public:
    explicit error(pyreload_status status)
        : std::runtime_error(sentence(status)), status_(status) {}

    pyreload_status status() const noexcept { return status_; }

private:
    static std::string sentence(pyreload_status status) {
        std::string text = pyreload_last_error();
        return text.empty() ? pyreload_status_string(status) : text;
    }

    pyreload_status status_;
};

namespace detail {

inline void require(pyreload_status status) {
    if (status != PYRELOAD_OK) throw error(status);
}

/** NULL is the empty text. */
inline std::string_view view(const char *text) noexcept {
    return text ? std::string_view(text) : std::string_view();
}

/** Goes over things that have size() and operator[]. */
template <class Range>
class iterator {
public:
    iterator(const Range *range, std::size_t index) : range_(range), index_(index) {}
    auto operator*() const { return (*range_)[index_]; }
    iterator &operator++() {
        ++index_;
        return *this;
    }
    bool operator!=(const iterator &other) const { return index_ != other.index_; }

private:
    const Range *range_;
    std::size_t index_;
};

}  // namespace detail

/** One change inside one module. */
class change {
public:
    explicit change(const pyreload_change *change) noexcept : change_(change) {}

    pyreload_change_kind kind() const noexcept { return pyreload_change_what(change_); }
    pyreload_action action() const noexcept { return pyreload_change_action(change_); }
    std::string_view name() const noexcept { return detail::view(pyreload_change_name(change_)); }
    std::uint32_t line() const noexcept { return pyreload_change_line(change_); }
    std::string_view reason() const noexcept {
        return detail::view(pyreload_change_reason(change_));
    }

private:
    const pyreload_change *change_;
};

/** The part of a report that is about one module: a range of changes. */
class module_report {
public:
    explicit module_report(const pyreload_module_report *module) noexcept : module_(module) {}

    explicit operator bool() const noexcept { return module_ != nullptr; }
    std::string_view name() const noexcept {
        return detail::view(pyreload_module_report_name(module_));
    }
    std::string_view path() const noexcept {
        return detail::view(pyreload_module_report_path(module_));
    }
    pyreload_outcome outcome() const noexcept { return pyreload_module_report_outcome(module_); }
    pyreload_cause cause() const noexcept { return pyreload_module_report_cause(module_); }
    std::string_view error() const noexcept {
        return detail::view(pyreload_module_report_error(module_));
    }
    std::string_view traceback() const noexcept {
        return detail::view(pyreload_module_report_traceback(module_));
    }
    std::uint32_t error_line() const noexcept {
        return pyreload_module_report_error_line(module_);
    }
    std::size_t note_count() const noexcept { return pyreload_module_report_note_count(module_); }
    std::string_view note(std::size_t index) const noexcept {
        return detail::view(pyreload_module_report_note(module_, index));
    }

    std::size_t size() const noexcept { return pyreload_module_report_len(module_); }
    change operator[](std::size_t index) const noexcept {
        return change(pyreload_module_report_change(module_, index));
    }
    auto begin() const noexcept { return detail::iterator<module_report>(this, 0); }
    auto end() const noexcept { return detail::iterator<module_report>(this, size()); }

private:
    const pyreload_module_report *module_;
};

/** What is read from a report, whoever owns it: a range of module reports. */
class report_view {
public:
    explicit report_view(const pyreload_report *report) noexcept : report_(report) {}

    /** Whether there was anything to do. */
    explicit operator bool() const noexcept { return report_ != nullptr; }
    /** Whether all modules run what is in their files. */
    bool all_current() const noexcept {
        return count(PYRELOAD_OUTCOME_FAILED) == 0 && count(PYRELOAD_OUTCOME_DEFERRED) == 0
            && count(PYRELOAD_OUTCOME_SKIPPED) == 0;
    }
    bool is_dry_run() const noexcept { return pyreload_report_is_dry_run(report_) != 0; }
    std::string_view text() const noexcept { return detail::view(pyreload_report_text(report_)); }
    std::string_view json() const noexcept { return detail::view(pyreload_report_json(report_)); }
    std::uint64_t duration_ns() const noexcept { return pyreload_report_duration_ns(report_); }
    std::size_t count(pyreload_outcome outcome) const noexcept {
        return pyreload_report_count(report_, outcome);
    }

    std::size_t size() const noexcept { return pyreload_report_len(report_); }
    module_report operator[](std::size_t index) const noexcept {
        return module_report(pyreload_report_module(report_, index));
    }
    auto begin() const noexcept { return detail::iterator<report_view>(this, 0); }
    auto end() const noexcept { return detail::iterator<report_view>(this, size()); }

    const pyreload_report *get() const noexcept { return report_; }

private:
    const pyreload_report *report_;
};

/** What one check found and did; false when there was nothing to do. */
class report : public report_view {
public:
    explicit report(pyreload_report *owned = nullptr) noexcept
        : report_view(owned), owned_(owned) {}
    report(report &&other) noexcept : report(other.owned_.release()) {
        static_cast<report_view &>(other) = report_view(nullptr);
    }
    report &operator=(report &&other) noexcept {
        owned_.reset(other.owned_.release());
        static_cast<report_view &>(*this) = report_view(owned_.get());
        static_cast<report_view &>(other) = report_view(nullptr);
        return *this;
    }
    report(const report &) = delete;
    report &operator=(const report &) = delete;

private:
    struct end_of {
        void operator()(pyreload_report *report) const noexcept { pyreload_report_free(report); }
    };
    std::unique_ptr<pyreload_report, end_of> owned_;
};

/** What a callback is told. */
class event {
public:
    explicit event(const pyreload_event *event) noexcept : event_(event) {}

    std::uint32_t kind() const noexcept { return pyreload_event_kind(event_); }
    std::string_view path() const noexcept { return detail::view(pyreload_event_path(event_)); }
    module_report module() const noexcept { return module_report(pyreload_event_module(event_)); }
    report_view report() const noexcept { return report_view(pyreload_event_report(event_)); }

private:
    const pyreload_event *event_;
};

/** How one module in sys.modules stands. */
class module_row {
public:
    module_row(const pyreload_module_list *list, std::size_t index) noexcept
        : list_(list), index_(index) {}

    std::string_view name() const noexcept {
        return detail::view(pyreload_module_list_name(list_, index_));
    }
    std::string_view path() const noexcept {
        return detail::view(pyreload_module_list_path(list_, index_));
    }
    pyreload_module_state state() const noexcept {
        return pyreload_module_list_state(list_, index_);
    }
    bool is_user() const noexcept { return pyreload_module_list_is_user(list_, index_) != 0; }
    std::uint64_t reload_count() const noexcept {
        return pyreload_module_list_reload_count(list_, index_);
    }

private:
    const pyreload_module_list *list_;
    std::size_t index_;
};

/** All modules in sys.modules at one moment: a range of rows. */
class module_list {
public:
    explicit module_list(pyreload_module_list *owned) noexcept : list_(owned) {}

    std::size_t size() const noexcept { return pyreload_module_list_len(list_.get()); }
    module_row operator[](std::size_t index) const noexcept { return {list_.get(), index}; }
    auto begin() const noexcept { return detail::iterator<module_list>(this, 0); }
    auto end() const noexcept { return detail::iterator<module_list>(this, size()); }

private:
    struct end_of {
        void operator()(pyreload_module_list *list) const noexcept {
            pyreload_module_list_free(list);
        }
    };
    std::unique_ptr<pyreload_module_list, end_of> list_;
};

/** pyreload_options with the defaults in them. */
struct options : pyreload_options {
    options() noexcept : pyreload_options() { pyreload_options_init(this, sizeof(pyreload_options)); }
};

/** A reloader. It ends with its owner, which must be before Py_FinalizeEx(). */
class reloader {
public:
    static pyreload_options defaults() noexcept { return options(); }

    explicit reloader(const pyreload_options &settings = defaults()) {
        pyreload_reloader *created = nullptr;
        detail::require(pyreload_create(&settings, &created));
        reloader_.reset(created);
    }

    void set_trigger_mode(std::uint32_t mode) {
        detail::require(pyreload_set_trigger_mode(get(), mode));
    }
    std::uint32_t trigger_mode() const noexcept { return pyreload_trigger_mode(get()); }

    /** As pyreload_trigger(); a report of failed modules is returned, not thrown. */
    report trigger(std::uint32_t kind) {
        pyreload_report *written = nullptr;
        const pyreload_status status = pyreload_trigger(get(), kind, &written);
        return finish(status, written);
    }
    void track_imports() { detail::require(pyreload_track_imports(get())); }

    report check(std::uint32_t flags = 0) {
        pyreload_report *written = nullptr;
        const pyreload_status status = pyreload_check(get(), flags, &written);
        return finish(status, written);
    }
    report reload(const std::string &module, std::uint32_t flags = 0) {
        pyreload_report *written = nullptr;
        const pyreload_status status = pyreload_reload(get(), module.c_str(), flags, &written);
        return finish(status, written);
    }
    std::size_t pending() const noexcept { return pyreload_pending(get()); }
    int notify_fd() const noexcept { return pyreload_notify_fd(get()); }
    pyreload_stats_t stats() const {
        pyreload_stats_t stats{};
        stats.struct_size = sizeof stats;
        detail::require(pyreload_stats(get(), &stats));
        return stats;
    }

    void include(const std::string &module) {
        detail::require(pyreload_include(get(), module.c_str()));
    }
    void exclude(const std::string &module) {
        detail::require(pyreload_exclude(get(), module.c_str()));
    }
    void forget_rule(const std::string &module) {
        detail::require(pyreload_forget_rule(get(), module.c_str()));
    }
    void set_policy(const std::string &module, pyreload_policy policy) {
        detail::require(pyreload_set_policy(get(), module.c_str(), policy));
    }
    module_list modules() {
        pyreload_module_list *written = nullptr;
        detail::require(pyreload_modules(get(), &written));
        return module_list(written);
    }
    /** dict is a PyObject *. */
    void track_namespace(struct _object *dict) {
        detail::require(pyreload_track_namespace(get(), dict));
    }
    void forget_namespace(struct _object *dict) {
        detail::require(pyreload_forget_namespace(get(), dict));
    }
    void install_module(const char *name = nullptr) {
        detail::require(pyreload_install_module(get(), name));
    }

    /**
     * Registers a callable that takes (const event &). What it returns is
     * for BEFORE_RELOAD: true cancels; void is false. One that throws is
     * taken for false, and what it threw is lost: the library is on the
     * stack below it. Without a key each call registers anew.
     */
    template <class Callback>
    std::uint64_t on(std::uint32_t events, Callback callback, const char *key = nullptr) {
        static_assert(std::is_invocable_v<Callback &, const event &>,
                      "a callback takes (const pyreload::event &)");
        auto owned = std::make_unique<Callback>(std::move(callback));
        std::uint64_t id = 0;
        // The library frees it from here on, also when this fails.
        detail::require(pyreload_add_callback(get(), key, events, &call<Callback>, owned.release(),
                                              &end<Callback>, &id));
        return id;
    }
    void off(std::uint64_t id) { detail::require(pyreload_remove_callback(get(), id)); }

    /** For the C API. Still owned by this. */
    pyreload_reloader *get() const noexcept { return reloader_.get(); }

private:
    static report finish(pyreload_status status, pyreload_report *written) {
        report result(written);
        if (status != PYRELOAD_ERR_RELOAD) detail::require(status);
        return result;
    }

    template <class Callback>
    static int call(pyreload_reloader *, const pyreload_event *told, void *user_data) noexcept {
        auto &callback = *static_cast<Callback *>(user_data);
        const event what(told);
        try {
            if constexpr (std::is_void_v<std::invoke_result_t<Callback &, const event &>>) {
                callback(what);
                return 0;
            } else {
                return callback(what) ? 1 : 0;
            }
        } catch (...) {
            return 0;
        }
    }

    template <class Callback>
    static void end(void *user_data) noexcept {
        delete static_cast<Callback *>(user_data);
    }

    struct end_of {
        void operator()(pyreload_reloader *reloader) const noexcept { pyreload_destroy(reloader); }
    };
    std::unique_ptr<pyreload_reloader, end_of> reloader_;
};

/**
 * A dispatch: pyreload_trigger() where it begins, pyreload_track_imports()
 * where it ends. It never throws, so it does not change how the program runs;
 * status() says how the trigger ended.
 */
class dispatch_scope {
public:
    dispatch_scope(const reloader &reloader, std::uint32_t kind) noexcept
        : dispatch_scope(reloader.get(), kind) {}
    dispatch_scope(pyreload_reloader *reloader, std::uint32_t kind) noexcept
        : reloader_(reloader), status_(pyreload_trigger(reloader, kind, nullptr)) {}
    ~dispatch_scope() { pyreload_track_imports(reloader_); }

    dispatch_scope(const dispatch_scope &) = delete;
    dispatch_scope &operator=(const dispatch_scope &) = delete;

    pyreload_status status() const noexcept { return status_; }

private:
    pyreload_reloader *reloader_;
    pyreload_status status_;
};

}  // namespace pyreload

#endif  // PYRELOAD_HPP
