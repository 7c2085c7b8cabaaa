/*
 * pyreload.h - hot reload of changed Python modules, inside a C or C++
 *              program that already embeds CPython.
 *
 * This file is the reference of the library; the README is the tour. Constants
 * and types come first, functions follow in the order a program needs them.
 * A name that is not in this file is not part of the interface.
 *
 *
 * IN SHORT
 *
 *     pyreload_options options;
 *     pyreload_options_init(&options, sizeof options);
 *     options.trigger_mode = PYRELOAD_TRIGGER_SCRIPT;
 *
 *     pyreload_reloader *reloader;
 *     if (pyreload_create(&options, &reloader) != PYRELOAD_OK) {
 *         fprintf(stderr, "no hot reload: %s\n", pyreload_last_error());
 *     }                                 // reloader is NULL: the calls below
 *                                       // answer ERR_ARGUMENT, which is harmless
 *
 *     // wherever the program is about to hand control to Python:
 *     pyreload_trigger(reloader, PYRELOAD_TRIGGER_SCRIPT, NULL);
 *     PyRun_SimpleFile(file, path);
 *     pyreload_track_imports(reloader);
 *
 *     pyreload_destroy(reloader);       // before Py_FinalizeEx()
 *
 *
 * CONTENTS OF THE FUNCTION PART
 *
 *   1. Version        4. Triggers           7. Callbacks
 *   2. Errors         5. Check and reload   8. Reports
 *   3. A reloader     6. Which modules      9. Log
 *
 *
 * WORDS
 *
 *   dispatch   the program hands control to Python: it runs a script, a single
 *              command, or a function that answers an event.
 *   trigger    the point just before a dispatch, where a check may be due.
 *   check      compare the tracked modules with their source files and bring
 *              those that differ up to date.
 *   tracked    a module in sys.modules whose source file pyreload compares.
 *   version    the state of a module that came from one state of its source.
 *   report     what a check found and did, module by module. Plain data.
 *
 *
 * RULES FOR ALL FUNCTIONS
 *
 * Handles.  Every type but pyreload_options and pyreload_stats_t is opaque. A
 *   handle comes from one function and ends in the function named _destroy or
 *   _free, exactly once. Those take NULL and do nothing. Do not use an ended
 *   handle. With an ended reloader most functions notice and answer
 *   PYRELOAD_ERR_ARGUMENT; with the others anything may happen.
 *
 * Ownership.  An argument is borrowed for the call, and copied where it must
 *   live longer. What is written through an `_out` parameter belongs to the
 *   caller. What is returned directly (`const char *`, `const pyreload_...`)
 *   belongs to the object it was asked from and lives as long as that does.
 *   The one exception is user_data, see Callbacks.
 *
 * Out parameters.  They come last, are never read, and are always written: on
 *   failure with NULL or 0, unless it says otherwise. Where it says so, NULL
 *   may be passed instead.
 *
 * Text.  All text is UTF-8 and ends in NUL. Paths are the bytes the operating
 *   system uses; on Windows they are UTF-8.
 *
 * Errors.  A function that can fail returns pyreload_status; PYRELOAD_OK is 0.
 *   pyreload_last_error() has the sentence for a person. A failing module does
 *   not end a check; it is in the report. A NULL or malformed argument gives
 *   PYRELOAD_ERR_ARGUMENT, never a crash. The library does not print, does not
 *   end the process, and lets no panic and no Python exception out.
 *
 * Python.  Each function says what it needs of the interpreter:
 *     none      It does not touch Python. It may be called at any time, also
 *               before Py_Initialize() and after Py_FinalizeEx().
 *     attaches  It may be called with or without an attached thread state (the
 *               GIL held or not). It attaches while it must, and returns in
 *               the state it was called in. A pending exception is preserved.
 *   A reloader belongs to the main interpreter. A thread that is attached to a
 *   sub-interpreter gets PYRELOAD_ERR_INTERPRETER; one that has detached from
 *   it (let go of the GIL) works on the main one, like any other thread. When
 *   Python is finalized all reloaders let go of what they hold in it; from then
 *   on they answer PYRELOAD_ERR_INTERPRETER, also after a new Py_Initialize(),
 *   and can only be destroyed. Py_FinalizeEx() waits up to five seconds for
 *   calls that other threads have in progress.
 *   The library does not bring a Python, it uses that of the process. Where
 *   there is none, it cannot be loaded: dlopen() says "undefined symbol:
 *   Py_...". A program that loads libpython itself with dlopen() must do so
 *   first, and with RTLD_GLOBAL.
 *
 * Threads.  Each function says who may call it:
 *     any         Any thread, at any time, also during a check.
 *     serialized  Any thread, but only one gets in per reloader. The others
 *                 get PYRELOAD_ERR_BUSY at once: nobody waits, so nobody can
 *                 deadlock.
 *     exclusive   The caller sees to it that no other call uses the object.
 *   Python code is changed only inside a call of yours, on the thread of that
 *   call. The watcher thread only takes notes.
 *
 * Callbacks.  user_data belongs to the library from the call that hands it
 *   over, whether that call succeeds or not. The free function that came with
 *   it is called exactly once, when the library will not use it again. A
 *   callback must return normally: no longjmp, no C++ exception. From within
 *   one, serialized functions give PYRELOAD_ERR_REENTRANT; all others are of
 *   use, also pyreload_destroy().
 *
 * ABI.  Until 1.0 a new minor version may change anything, and the soname says
 *   so (libpyreload.so.0.MINOR). From 1.0 on, within one major version: names,
 *   parameters and the values of constants stay; pyreload_options grows only
 *   at its end; new values may join an enum, so meet unknown ones with grace.
 *
 *
 * WHAT A RELOAD KEEPS, AND WHAT IT CANNOT DO
 *
 *   Changed modules that import each other, directly or not, are one unit. A
 *   unit is brought up to date as a whole or not at all: when new code raises,
 *   names, functions and classes of all its modules are put back as they were.
 *   Functions, methods, properties and classes are updated in place: objects
 *   made earlier, and names imported with `from m import f`, run the new code.
 *   Statements whose text and inputs did not change do not run again.
 *
 *   It cannot undo what re-run code did outside its module (files, sockets,
 *   other modules). Calls that are on a stack finish in the old code. C
 *   extension modules are never reloaded; a changed one is reported.
 */


#ifndef PYRELOAD_H
#define PYRELOAD_H

#include <stddef.h>
#include <stdint.h>

#if defined(PYRELOAD_STATIC)
#  define PYRELOAD_API
#elif defined(_WIN32)
#  define PYRELOAD_API __declspec(dllimport)
#else
#  define PYRELOAD_API
#endif

/** The version of this header. pyreload_version() has that of the library. */
#define PYRELOAD_VERSION_MAJOR 0
#define PYRELOAD_VERSION_MINOR 1
#define PYRELOAD_VERSION_PATCH 0
#define PYRELOAD_VERSION_NUMBER \
  ((PYRELOAD_VERSION_MAJOR << 16) | (PYRELOAD_VERSION_MINOR << 8) \
   | PYRELOAD_VERSION_PATCH)

/** Whether this header is of that version or newer, for use in #if. */
#define PYRELOAD_VERSION_AT_LEAST(major, minor, patch) \
  (PYRELOAD_VERSION_NUMBER >= (((major) << 16) | ((minor) << 8) | (patch)))

/**
 * Python's PyObject, so that this header does not need Python.h.
 */
struct _object;


/**
 * No trigger asks for a check: only pyreload_check() and pyreload_reload() do.
 */
#define PYRELOAD_TRIGGER_NONE 0

/**
 * Before a script file is run, from its first line, with or without debugger.
 */
#define PYRELOAD_TRIGGER_SCRIPT (1 << 0)

/**
 * Before a single command: a console line, a notebook cell.
 */
#define PYRELOAD_TRIGGER_COMMAND (1 << 1)

/**
 * Before a function is called because something happened: a signal, a click, a
 * timer, a message.
 */
#define PYRELOAD_TRIGGER_EVENT (1 << 2)

/**
 * Bits 16 to 30 are the program's own kinds of dispatch. This is the first.
 */
#define PYRELOAD_TRIGGER_USER (1 << 16)

/**
 * Every trigger, also the program's own.
 */
#define PYRELOAD_TRIGGER_ALL UINT32_MAX

/**
 * Find out and report what would be done; change nothing, run nothing.
 */
#define PYRELOAD_CHECK_DRY_RUN (1 << 0)

/**
 * Read every tracked file and compare its content, not only those whose size
 * or time stamps differ. For file systems with clocks not to be trusted.
 */
#define PYRELOAD_CHECK_RESCAN (1 << 1)

/**
 * Only for pyreload_reload(): run the whole module, even if unchanged.
 */
#define PYRELOAD_CHECK_FORCE (1 << 2)

/**
 * A source file of a tracked module changed on disk. Sent on a thread of the
 * library's, without Python, while nothing has been reloaded yet. Use it to
 * wake the program's own loop, which then calls pyreload_check(). The thread
 * exists from the first registration for this event on, until the reloader ends;
 * with PYRELOAD_WATCH_OFF there is none, and nothing is sent.
 */
#define PYRELOAD_EVENT_SOURCE_CHANGED (1 << 0)

/**
 * A check found work and did none of it yet; pyreload_event_report() has the
 * plan. A callback that returns non-zero cancels the check.
 */
#define PYRELOAD_EVENT_BEFORE_RELOAD (1 << 1)

/**
 * One module is up to date again.
 */
#define PYRELOAD_EVENT_MODULE_RELOADED (1 << 2)

/**
 * One module could not be brought up to date and kept its version.
 */
#define PYRELOAD_EVENT_MODULE_FAILED (1 << 3)

/**
 * A check that found work is done; pyreload_event_report() is complete.
 */
#define PYRELOAD_EVENT_AFTER_RELOAD (1 << 4)

/**
 * How a call ended.
 */
typedef enum {
  /**
   * It did what it says.
   */
  PYRELOAD_OK = 0,
  /**
   * The check ran, but at least one module kept its previous version. The
   * report is written and says which and why.
   */
  PYRELOAD_ERR_RELOAD = 1,
  /**
   * A NULL where none is allowed, an unknown flag, text that is not UTF-8,
   * options of no known size, or a handle that was destroyed.
   */
  PYRELOAD_ERR_ARGUMENT = 2,
  /**
   * There is no such module, callback or rule.
   */
  PYRELOAD_ERR_NOT_FOUND = 3,
  /**
   * Another thread is inside a serialized function of this reloader. Nothing
   * was done.
   */
  PYRELOAD_ERR_BUSY = 4,
  /**
   * The call came out of a callback, or out of Python code that a check is
   * running on this thread. Nothing was done.
   */
  PYRELOAD_ERR_REENTRANT = 5,
  /**
   * Python is not initialized, is finalizing, was finalized since this
   * reloader was created, or this thread is attached to a sub-interpreter.
   */
  PYRELOAD_ERR_INTERPRETER = 6,
  /**
   * The running Python is older than this library supports or a free-threaded
   * build, or the module has no Python source.
   */
  PYRELOAD_ERR_UNSUPPORTED = 7,
  /**
   * The operating system refused; for example no more files can be watched.
   */
  PYRELOAD_ERR_OS = 8,
  /**
   * A BEFORE_RELOAD callback said no. The changes stay pending.
   */
  PYRELOAD_ERR_CANCELLED = 9,
  /**
   * A bug in this library. What was begun has been put back; the handle can
   * still be used. Please report it, with pyreload_last_error().
   */
  PYRELOAD_ERR_INTERNAL = 10,
} pyreload_status;

/**
 * How a module in sys.modules stands with a reloader.
 */
typedef enum {
  /**
   * No answer: there was no such entry.
   */
  PYRELOAD_MODULE_NONE = 0,
  /**
   * It runs the code that is in its file.
   */
  PYRELOAD_MODULE_CURRENT = 1,
  /**
   * Its file is newer than the code that runs: a check is due, or failed.
   */
  PYRELOAD_MODULE_STALE = 2,
  /**
   * The scope or a rule leaves it out.
   */
  PYRELOAD_MODULE_EXCLUDED = 3,
  /**
   * It has no Python source: built in, frozen, or a C extension.
   */
  PYRELOAD_MODULE_NO_SOURCE = 4,
} pyreload_module_state;

/**
 * What became of one module in one check.
 */
typedef enum {
  /**
   * No answer: there was no such module report.
   */
  PYRELOAD_OUTCOME_NONE = 0,
  /**
   * Only definitions changed. They were updated in place; no other code of the
   * module ran.
   */
  PYRELOAD_OUTCOME_PATCHED = 1,
  /**
   * Some of its top-level statements ran again, because they changed or
   * because something they use did.
   */
  PYRELOAD_OUTCOME_EXECUTED = 2,
  /**
   * Its whole body ran again.
   */
  PYRELOAD_OUTCOME_RELOADED = 3,
  /**
   * The file changed, the program did not: comments, blank lines, layout. Only
   * line numbers were updated.
   */
  PYRELOAD_OUTCOME_UNCHANGED = 4,
  /**
   * New code raised or could not be compiled. The module kept its version; it
   * is tried again when its file, or one it depends on, changes again.
   */
  PYRELOAD_OUTCOME_FAILED = 5,
  /**
   * Not tried yet: the file is missing or still being written, or a module it
   * imports failed. It is tried again at the next check.
   */
  PYRELOAD_OUTCOME_DEFERRED = 6,
  /**
   * It changed and cannot be reloaded: a C extension, __main__, a module without
   * its source, or one that put something else in its place in `sys.modules`.
   */
  PYRELOAD_OUTCOME_SKIPPED = 7,
} pyreload_outcome;

/**
 * Why a module is in a report.
 */
typedef enum {
  /**
   * No answer.
   */
  PYRELOAD_CAUSE_NONE = 0,
  /**
   * Its own source changed.
   */
  PYRELOAD_CAUSE_SOURCE = 1,
  /**
   * It uses a module that changed.
   */
  PYRELOAD_CAUSE_DEPENDENCY = 2,
  /**
   * pyreload_reload() named it.
   */
  PYRELOAD_CAUSE_REQUEST = 3,
} pyreload_cause;

/**
 * What kind of thing changed inside a module.
 */
typedef enum {
  /**
   * No answer.
   */
  PYRELOAD_CHANGE_NONE = 0,
  /**
   * A function, method, property or other descriptor.
   */
  PYRELOAD_CHANGE_FUNCTION = 1,
  /**
   * A class: its bases, its decorators, its attributes.
   */
  PYRELOAD_CHANGE_CLASS = 2,
  /**
   * A name assigned at the top level.
   */
  PYRELOAD_CHANGE_VARIABLE = 3,
  /**
   * An import at the top level.
   */
  PYRELOAD_CHANGE_IMPORT = 4,
  /**
   * Any other top-level statement: a call, an `if`, a loop, a `with`.
   */
  PYRELOAD_CHANGE_STATEMENT = 5,
} pyreload_change_kind;

/**
 * What was done about it.
 */
typedef enum {
  /**
   * No answer.
   */
  PYRELOAD_ACTION_NONE = 0,
  /**
   * The name is new.
   */
  PYRELOAD_ACTION_ADDED = 1,
  /**
   * The same object has the new code: all references see it.
   */
  PYRELOAD_ACTION_UPDATED = 2,
  /**
   * The name is bound to a new object: references taken earlier keep the old.
   */
  PYRELOAD_ACTION_REBOUND = 3,
  /**
   * The name is gone from the module.
   */
  PYRELOAD_ACTION_REMOVED = 4,
  /**
   * The statement ran again.
   */
  PYRELOAD_ACTION_EXECUTED = 5,
  /**
   * It could not be done in place, or not at all:
   * pyreload_change_reason() says what stays old.
   */
  PYRELOAD_ACTION_KEPT = 6,
} pyreload_action;

/**
 * How important a log line is. A sink gets its level and all before it.
 */
typedef enum {
  PYRELOAD_LOG_OFF = 0,
  PYRELOAD_LOG_ERROR = 1,
  PYRELOAD_LOG_WARN = 2,
  PYRELOAD_LOG_INFO = 3,
  PYRELOAD_LOG_DEBUG = 4,
  PYRELOAD_LOG_TRACE = 5,
} pyreload_log_level;

/**
 * Which modules are tracked before any pyreload_include() or
 * pyreload_exclude().
 */
typedef enum {
  /**
   * All with Python source, except the standard library and what lies in a
   * site-packages or dist-packages folder. The default.
   */
  PYRELOAD_SCOPE_USER = 0,
  /**
   * All with Python source, except the standard library.
   */
  PYRELOAD_SCOPE_INSTALLED = 1,
  /**
   * None; only what pyreload_include() names.
   */
  PYRELOAD_SCOPE_NONE = 2,
} pyreload_scope;

/**
 * How changed files are noticed between checks.
 */
typedef enum {
  /**
   * By the operating system's events, read on the caller's thread, and by
   * looking at the files where it has none to offer. The default.
   */
  PYRELOAD_WATCH_AUTO = 0,
  /**
   * By looking at each tracked file every poll_interval_ms. One that was emptied
   * counts when that is a second ago: until then it may be a save that has begun.
   */
  PYRELOAD_WATCH_POLL = 1,
  /**
   * Not at all: each check looks at each tracked file, as with
   * PYRELOAD_WATCH_POLL. No thread is started and there are no SOURCE_CHANGED
   * events.
   */
  PYRELOAD_WATCH_OFF = 2,
} pyreload_watch;

/**
 * How a changed module is brought up to date.
 */
typedef enum {
  /**
   * What the edit touches runs again, and nothing else. The default.
   */
  PYRELOAD_POLICY_INCREMENTAL = 0,
  /**
   * Its whole body runs again.
   */
  PYRELOAD_POLICY_FULL = 1,
  /**
   * It is left alone, and the report says so.
   */
  PYRELOAD_POLICY_SKIP = 2,
} pyreload_policy;

/**
 * One change inside one module. Belongs to its report.
 */
typedef struct pyreload_change pyreload_change;

/**
 * What a callback is told. Lives until the callback returns.
 */
typedef struct pyreload_event pyreload_event;

/**
 * The modules a reloader knew at one moment. Immutable, like a report.
 */
typedef struct pyreload_module_list pyreload_module_list;

/**
 * The part of a report that is about one module. Belongs to its report.
 */
typedef struct pyreload_module_report pyreload_module_report;

/**
 * A reloader: the tracked modules of one interpreter, the watcher of their
 * files, and the callbacks. Most programs have one.
 */
typedef struct pyreload_reloader pyreload_reloader;

/**
 * What one check found and did. Immutable, and holds nothing of Python: it may
 * be read by several threads, outlive its reloader, and be freed after
 * Py_FinalizeEx().
 */
typedef struct pyreload_report pyreload_report;

/**
 * Settings for pyreload_create(). Fill with pyreload_options_init(), then
 * change what differs. It grows at its end, and struct_size tells the library
 * how much of it the program knows.
 */
typedef struct {
  /**
   * sizeof(pyreload_options) as the program was compiled. Set by init.
   */
  size_t struct_size;
  /**
   * NULL: a new reloader each time. Else a name, unique in this process:
   * pyreload_create() gives the reloader of that name if there is one, so that
   * set-up code may run twice (a re-run notebook, a plug-in loaded again)
   * without two reloaders doing the same work.
   */
  const char *name;
  /**
   * PYRELOAD_TRIGGER_ bits. Default PYRELOAD_TRIGGER_NONE.
   */
  uint32_t trigger_mode;
  /**
   * A pyreload_scope. Default PYRELOAD_SCOPE_USER.
   */
  uint32_t scope;
  /**
   * A pyreload_watch. Default PYRELOAD_WATCH_AUTO.
   */
  uint32_t watch;
  /**
   * Milliseconds between two looks when polling. Default 1000, at least 10.
   */
  uint32_t poll_interval_ms;
  /**
   * SOURCE_CHANGED is sent when the files have been quiet for this many
   * milliseconds, since editors save in several steps. Default 50. Checks do
   * not wait for it.
   */
  uint32_t debounce_ms;
} pyreload_options;

/**
 * Figures of a reloader. Like pyreload_options it grows at its end: set
 * struct_size to sizeof(pyreload_stats_t) before the call.
 */
typedef struct {
  /**
   * sizeof(pyreload_stats_t) as the program was compiled.
   */
  size_t struct_size;
  /**
   * Modules whose source files are compared.
   */
  uint64_t tracked_modules;
  /**
   * Folders that the operating system watches for this reloader.
   */
  uint64_t watched_directories;
  /**
   * Folders whose files are looked at one by one, since the operating system
   * has no events to offer there.
   */
  uint64_t polled_directories;
  /**
   * Size of all tracked source files.
   */
  uint64_t tracked_source_bytes;
  /**
   * Checks that looked at files.
   */
  uint64_t checks;
  /**
   * Modules brought up to date, each as often as it was.
   */
  uint64_t reloads;
} pyreload_stats_t;

/**
 * Told of the events it was registered for. All but SOURCE_CHANGED come on the
 * thread that called the check, attached (GIL held), so it may use the Python
 * C API; an exception it leaves set is logged and cleared. SOURCE_CHANGED
 * comes on the library's thread, not attached: signal the program's loop, and
 * return.
 *
 * The value returned counts for BEFORE_RELOAD only: non-zero cancels.
 */
typedef int (*pyreload_callback_fn)(pyreload_reloader *reloader,
                                    const pyreload_event *event,
                                    void *user_data);

/**
 * Frees user_data. Called once, on any thread, with no lock held; whether a
 * thread state is attached is not defined. NULL where there is nothing to
 * free.
 */
typedef void (*pyreload_free_fn)(void *user_data);

/**
 * Takes one line of log, without newline. Called on any thread, also on
 * several at once. It must not call Python, and of pyreload nothing.
 */
typedef void (*pyreload_log_fn)(pyreload_log_level level,
                                const char *target,
                                const char *message,
                                void *user_data);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * # 1. Version
 *
 * The version of the library that is running, in the form of
 * PYRELOAD_VERSION_NUMBER. A careful program compares the major parts (and, as
 * long as that is 0, the minor parts).
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API uint32_t pyreload_version(void);

/**
 * The same as text, such as "0.1.0".
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API const char *pyreload_version_string(void);

/**
 * # 2. Errors
 *
 * The name of a status, such as "PYRELOAD_ERR_BUSY"; "unknown status" for a
 * value this version does not have. Never NULL.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API const char *pyreload_status_string(int status);

/**
 * One sentence on why the last call on this thread failed; "" when it did not.
 * Each function that returns pyreload_status begins by clearing it, so it is
 * never about an older call. Valid until the next such call on this thread.
 * Never NULL.
 *
 * Python: none. Threads: any; each has its own.
 */
PYRELOAD_API const char *pyreload_last_error(void);

/**
 * # 3. A reloader
 *
 * Fills options with the defaults. struct_size is sizeof(pyreload_options); an
 * unknown size leaves options untouched, and pyreload_create() will say so.
 *
 * Python: none. Threads: exclusive, for options.
 */
PYRELOAD_API
void pyreload_options_init(pyreload_options *options,
                           size_t struct_size);

/**
 * Creates a reloader in the main interpreter. Modules imported so far are
 * tracked from now on; none is reloaded. options may be NULL for the defaults,
 * and may be freed afterwards.
 *
 * With options->name set and taken, the existing reloader is returned, its
 * options unchanged, and one more pyreload_destroy() is due.
 *
 * PYRELOAD_ERR_INTERPRETER without an initialized Python, and on a thread that
 * is attached to a sub-interpreter; PYRELOAD_ERR_UNSUPPORTED when that Python
 * is too old or free-threaded; PYRELOAD_ERR_OS when no watcher could be
 * started in the mode that was asked for.
 *
 * Python: attaches. Threads: any.
 */
PYRELOAD_API
pyreload_status pyreload_create(const pyreload_options *options,
                                pyreload_reloader **reloader_out);

/**
 * Ends a reloader: stops the watcher, ends all registrations. Modules stay as
 * they are. Once it returns no callback runs and none will, and every
 * user_data has been freed. From within a callback it may be called too; it
 * then takes effect when that check returns.
 *
 * Call it before Py_FinalizeEx(). Later it still frees all memory; what the
 * reloader held inside Python it let go of when Python began to finalize.
 *
 * Python: attaches, if there still is one. Threads: exclusive. Of a reloader
 * with a name all but the last call only count down, and may come any time.
 */
PYRELOAD_API void pyreload_destroy(pyreload_reloader *reloader);

/**
 * Writes the figures of a reloader to stats_out, whose struct_size is read
 * first. On failure only that member is left as it was; all others are 0.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
pyreload_status pyreload_stats(const pyreload_reloader *reloader,
                               pyreload_stats_t *stats_out);

/**
 * A file descriptor for poll(), select() or a GUI's event loop, which is
 * readable when a tracked file may have changed: then call pyreload_check() or
 * pyreload_trigger(), which also quiets it. Do not read from it and do not
 * close it; it ends with the reloader. -1 for NULL, and where the operating
 * system has none to offer (then register for SOURCE_CHANGED).
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API int pyreload_notify_fd(const pyreload_reloader *reloader);

/**
 * # 4. Triggers
 *
 * Says which triggers ask for a check, as PYRELOAD_TRIGGER_ bits; replaces
 * what was set. A switch "autoreload on/off" in a menu is this function. Bits
 * that are no trigger's do nothing, so PYRELOAD_TRIGGER_ALL can be taken apart.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
pyreload_status pyreload_set_trigger_mode(pyreload_reloader *reloader,
                                          uint32_t mode);

/**
 * The bits that are set; PYRELOAD_TRIGGER_NONE for NULL.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API uint32_t pyreload_trigger_mode(const pyreload_reloader *reloader);

/**
 * Call this just before a dispatch. When kind (one PYRELOAD_TRIGGER_ bit) is
 * in the trigger mode, it is pyreload_check(reloader, 0, report_out); else it
 * does nothing and is PYRELOAD_OK. report_out may be NULL; it gets NULL when
 * there was nothing to do.
 *
 * What it costs when nothing changed: a kind that is switched off is one atomic
 * read; one that is on asks the operating system whether it has anything to
 * tell, one small system call, whatever the number of modules. It does not
 * touch Python for that. An edit whose file was closed before this call is
 * seen by it. Where the system has no events to offer (network file systems,
 * no more watches, PYRELOAD_WATCH_OFF), the tracked files of the folders
 * concerned are looked at, one system call per file.
 *
 * The status may be ignored: whatever it is, the dispatch can go on, with the
 * code as it is.
 *
 * Python: attaches, if there is work. Threads: serialized.
 */
PYRELOAD_API
pyreload_status pyreload_trigger(pyreload_reloader *reloader,
                                 uint32_t kind,
                                 pyreload_report **report_out);

/**
 * Call this just after a dispatch: modules it imported are tracked from here
 * on. Each check does the same, so this only shortens the time in which an
 * edit of a freshly imported file could be missed.
 *
 * Python: attaches. Threads: any.
 */
PYRELOAD_API
pyreload_status pyreload_track_imports(pyreload_reloader *reloader);

/**
 * # 5. Check and reload
 *
 * Brings every tracked module up to date with its source, whatever the trigger
 * mode: changed modules and those that use what changed in them, each after
 * the modules it imports. flags are PYRELOAD_CHECK_ bits or 0. report_out may
 * be NULL; it gets NULL when no file changed.
 *
 * PYRELOAD_OK: all is up to date. PYRELOAD_ERR_RELOAD: some modules kept their
 * version; the report is written and the others are up to date.
 * PYRELOAD_ERR_CANCELLED: a callback said no.
 *
 * Python: attaches. Threads: serialized.
 */
PYRELOAD_API
pyreload_status pyreload_check(pyreload_reloader *reloader,
                               uint32_t flags,
                               pyreload_report **report_out);

/**
 * The same for one module, by its name in sys.modules ("package.module"), and
 * for what uses it. Works on excluded modules too. PYRELOAD_ERR_NOT_FOUND when
 * it is not imported, PYRELOAD_ERR_UNSUPPORTED when it has no Python source.
 *
 * Python: attaches. Threads: serialized.
 */
PYRELOAD_API
pyreload_status pyreload_reload(pyreload_reloader *reloader,
                                const char *module_name,
                                uint32_t flags,
                                pyreload_report **report_out);

/**
 * How many source files are known to have changed since the last check. For a
 * mark in the user interface. 0 for NULL, and with PYRELOAD_WATCH_OFF.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API size_t pyreload_pending(const pyreload_reloader *reloader);

/**
 * # 6. Which modules
 *
 * A rule is the dotted name of a module and stands for it and all below it:
 * the rule "shapes" covers "shapes.round", not "shapes2". Of the rules that
 * cover a module the longest wins; without one the scope decides. Rules may
 * name modules that are not imported yet. Adding one again changes nothing;
 * adding the opposite replaces it.
 *
 * Tracks the modules that module_name stands for.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
pyreload_status pyreload_include(pyreload_reloader *reloader,
                                 const char *module_name);

/**
 * Leaves alone the modules that module_name stands for.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
pyreload_status pyreload_exclude(pyreload_reloader *reloader,
                                 const char *module_name);

/**
 * Takes back the rule for exactly this name, or PYRELOAD_ERR_NOT_FOUND.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
pyreload_status pyreload_forget_rule(pyreload_reloader *reloader,
                                     const char *module_name);

/**
 * Says how exactly this module is brought up to date from now on: policy is a
 * pyreload_policy. It need not be imported yet. What a module says about
 * itself comes second.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
pyreload_status pyreload_set_policy(pyreload_reloader *reloader,
                                    const char *module_name,
                                    int policy);

/**
 * Lists all modules in sys.modules as they stand now, by name; what was
 * imported since the last check is tracked from here on.
 *
 * Python: attaches. Threads: any.
 */
PYRELOAD_API
pyreload_status pyreload_modules(pyreload_reloader *reloader,
                                 pyreload_module_list **list_out);

/**
 * Frees a list and all that was read from it.
 *
 * Python: none. Threads: exclusive.
 */
PYRELOAD_API void pyreload_module_list_free(pyreload_module_list *list);

/**
 * How many there are; 0 for NULL. Below, index is less than this; a larger one
 * gives NULL or 0.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API size_t pyreload_module_list_len(const pyreload_module_list *list);

/**
 * The name in sys.modules.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
const char *pyreload_module_list_name(const pyreload_module_list *list,
                                      size_t index);

/**
 * The source file; NULL when there is none.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
const char *pyreload_module_list_path(const pyreload_module_list *list,
                                      size_t index);

/**
 * A pyreload_module_state.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
pyreload_module_state pyreload_module_list_state(const pyreload_module_list *list,
                                                 size_t index);

/**
 * 1 when the module is the user's own: it has Python source, which lies
 * neither in the standard library nor in a site-packages or dist-packages
 * folder. Else 0. This is what a "reload modules" dialog shows first.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
int pyreload_module_list_is_user(const pyreload_module_list *list,
                                 size_t index);

/**
 * How often it was brought up to date since it is tracked.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
uint64_t pyreload_module_list_reload_count(const pyreload_module_list *list,
                                           size_t index);

/**
 * Keeps a namespace of the program up to date: a dict in which it runs commands
 * or scripts (__main__'s is tracked from the start). Names it got with
 * `from m import X` follow the module, as they would in a tracked module. A
 * name got under `as` is known by its object only, where a namespace has no
 * source: it follows too, unless that object is a small int, a bool, a str
 * that is a word, or None, which anybody may hold. `__file__` of a script
 * and `In` of IPython are source.
 * dict is a PyObject * of type dict, borrowed; the reloader holds a reference
 * until pyreload_forget_namespace() or pyreload_destroy().
 *
 * Python: attaches. Threads: serialized.
 */
PYRELOAD_API
pyreload_status pyreload_track_namespace(pyreload_reloader *reloader,
                                         struct _object *dict);

/**
 * Lets go of a namespace; PYRELOAD_ERR_NOT_FOUND when it is not tracked.
 *
 * Python: attaches. Threads: serialized.
 */
PYRELOAD_API
pyreload_status pyreload_forget_namespace(pyreload_reloader *reloader,
                                          struct _object *dict);

/**
 * Makes `import NAME` (NULL: "pyreload") work in this interpreter and act on
 * this reloader: autoreload(enabled, script=True, command=True, event=False),
 * check(), modules(), reload(name), include(name), exclude(name),
 * policy(name, "full" | "incremental" | "skip"), last_report(). Calling it
 * again changes nothing. PYRELOAD_ERR_ARGUMENT when another module has that
 * name. After pyreload_destroy() these functions raise RuntimeError.
 *
 * Python: attaches. Threads: serialized.
 */
PYRELOAD_API
pyreload_status pyreload_install_module(pyreload_reloader *reloader,
                                        const char *name);

/**
 * # 7. Callbacks
 *
 * Registers callback for events (PYRELOAD_EVENT_ bits). They are called in the
 * order of registration. id_out may be NULL.
 *
 * Adding is idempotent, so set-up code may run twice. With a key, a
 * registration under the same key is replaced in its place, and its user_data
 * freed, unless the new one has the same. Without one (NULL), the same callback
 * with the same user_data is registered once: a second call replaces its events
 * and gives its id.
 *
 * Python: none. Threads: any; during a check it counts from the next event on.
 */
PYRELOAD_API
pyreload_status pyreload_add_callback(pyreload_reloader *reloader,
                                      const char *key,
                                      uint32_t events,
                                      pyreload_callback_fn callback,
                                      void *user_data,
                                      pyreload_free_fn free_user_data,
                                      uint64_t *id_out);

/**
 * Ends a registration: the callback is not called again. A call of it that is
 * in progress, here or on another thread, runs to its end; free_user_data says
 * when the last use is over. Ids are never used again. PYRELOAD_ERR_NOT_FOUND
 * when there is none.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
pyreload_status pyreload_remove_callback(pyreload_reloader *reloader,
                                         uint64_t id);

/**
 * Which event: one PYRELOAD_EVENT_ bit.
 *
 * Python: none. Threads: any. So it is for the three below.
 */
PYRELOAD_API uint32_t pyreload_event_kind(const pyreload_event *event);

/**
 * The source file that changed, for SOURCE_CHANGED; NULL when it could be any
 * of them, since so much changed at once that events were lost. Else NULL.
 */
PYRELOAD_API const char *pyreload_event_path(const pyreload_event *event);

/**
 * The module, for MODULE_RELOADED and MODULE_FAILED; else NULL.
 */
PYRELOAD_API
const pyreload_module_report *pyreload_event_module(const pyreload_event *event);

/**
 * The plan, for BEFORE_RELOAD; the result, for AFTER_RELOAD; else NULL. Owned
 * by the event: do not free it.
 */
PYRELOAD_API
const pyreload_report *pyreload_event_report(const pyreload_event *event);

/**
 * # 8. Reports
 *
 * Reading one never fails: for NULL, or an index that is too large, the answer
 * is NULL or 0. All of this section but _free is Python: none, Threads: any.
 *
 * Frees a report and all that was read from it.
 *
 * Python: none. Threads: exclusive.
 */
PYRELOAD_API void pyreload_report_free(pyreload_report *report);

/**
 * The whole report as lines of text for a console. Never NULL; "" for NULL.
 */
PYRELOAD_API const char *pyreload_report_text(const pyreload_report *report);

/**
 * The whole report as one JSON object, for bindings. Never NULL; "{}" for NULL.
 *
 * Its members are dry_run, duration_ns and modules; those of a module name,
 * path, outcome, cause, error, traceback, error_line, changes and notes; those of
 * a change kind, action, name, line and reason. Values of an enum are the last
 * word of the constant in lower case: "patched". What is unknown is null.
 */
PYRELOAD_API
const char *pyreload_report_json(const pyreload_report *report);

/**
 * Nanoseconds the check took.
 */
PYRELOAD_API
uint64_t pyreload_report_duration_ns(const pyreload_report *report);

/**
 * 1 when it says what would be done, with PYRELOAD_CHECK_DRY_RUN; else 0.
 */
PYRELOAD_API int pyreload_report_is_dry_run(const pyreload_report *report);

/**
 * How many modules are in it.
 */
PYRELOAD_API size_t pyreload_report_len(const pyreload_report *report);

/**
 * How many of them had this pyreload_outcome.
 */
PYRELOAD_API
size_t pyreload_report_count(const pyreload_report *report,
                             int outcome);

/**
 * One of them, in the order they were worked on: a module comes after those it
 * imports.
 */
PYRELOAD_API
const pyreload_module_report *pyreload_report_module(const pyreload_report *report,
                                                     size_t index);

/**
 * The name in sys.modules.
 */
PYRELOAD_API
const char *pyreload_module_report_name(const pyreload_module_report *module);

/**
 * The source file.
 */
PYRELOAD_API
const char *pyreload_module_report_path(const pyreload_module_report *module);

/**
 * What became of it.
 */
PYRELOAD_API
pyreload_outcome pyreload_module_report_outcome(const pyreload_module_report *module);

/**
 * Why it is here.
 */
PYRELOAD_API
pyreload_cause pyreload_module_report_cause(const pyreload_module_report *module);

/**
 * For FAILED and DEFERRED, one sentence on why; else NULL. An exception reads
 * as Python prints its last line: "NameError: name 'x' is not defined".
 */
PYRELOAD_API
const char *pyreload_module_report_error(const pyreload_module_report *module);

/**
 * The traceback as Python prints it, when an exception was the reason; else
 * NULL.
 */
PYRELOAD_API
const char *pyreload_module_report_traceback(const pyreload_module_report *module);

/**
 * The line of the source file where it went wrong, counted from 1; 0 when not
 * known.
 */
PYRELOAD_API
uint32_t pyreload_module_report_error_line(const pyreload_module_report *module);

/**
 * How many changes were found in it.
 */
PYRELOAD_API
size_t pyreload_module_report_len(const pyreload_module_report *module);

/**
 * One of them, in the order of the source.
 */
PYRELOAD_API
const pyreload_change *pyreload_module_report_change(const pyreload_module_report *module,
                                                     size_t index);

/**
 * How many notes there are about it.
 */
PYRELOAD_API
size_t pyreload_module_report_note_count(const pyreload_module_report *module);

/**
 * One of them: a sentence a person should read, such as which fallback was
 * taken, or what needs a restart, and why.
 */
PYRELOAD_API
const char *pyreload_module_report_note(const pyreload_module_report *module,
                                        size_t index);

/**
 * What kind of thing changed.
 */
PYRELOAD_API
pyreload_change_kind pyreload_change_what(const pyreload_change *change);

/**
 * What was done about it.
 */
PYRELOAD_API
pyreload_action pyreload_change_action(const pyreload_change *change);

/**
 * Its qualified name, such as "Rect.area"; for a statement, its first line.
 */
PYRELOAD_API const char *pyreload_change_name(const pyreload_change *change);

/**
 * Its first line in the new source, counted from 1; in the old one, if it was
 * removed.
 */
PYRELOAD_API uint32_t pyreload_change_line(const pyreload_change *change);

/**
 * Why it was done, in a clause: "reads X, which changed on line 3". "" when
 * there is nothing to say.
 */
PYRELOAD_API const char *pyreload_change_reason(const pyreload_change *change);

/**
 * # 9. Log
 *
 * Sends the library's log lines up to level (a pyreload_log_level) to sink;
 * NULL ends that. One sink per process; a new one replaces the old, whose
 * user_data is freed once no thread is in it. Without a sink nothing is written
 * anywhere: the library never prints.
 *
 * Python: none. Threads: any.
 */
PYRELOAD_API
pyreload_status pyreload_set_log(int level,
                                 pyreload_log_fn sink,
                                 void *user_data,
                                 pyreload_free_fn free_user_data);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PYRELOAD_H */
