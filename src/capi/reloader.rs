//! Header, chapter 3.

use std::ffi::{c_char, c_int};

use super::entry::{self, Fault, Out};
use super::handle;
pub use super::handle::pyreload_reloader;
use super::trigger::PYRELOAD_TRIGGER_NONE;
use crate::interp;
use crate::reloader::{Options, Reloader, Scope, Watch};

/// Which modules are tracked before any pyreload_include() or
/// pyreload_exclude().
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum pyreload_scope {
    /// All with Python source, except the standard library and what lies in a
    /// site-packages or dist-packages folder. The default.
    PYRELOAD_SCOPE_USER = 0,
    /// All with Python source, except the standard library.
    PYRELOAD_SCOPE_INSTALLED = 1,
    /// None; only what pyreload_include() names.
    PYRELOAD_SCOPE_NONE = 2,
}

/// How changed files are noticed between checks.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum pyreload_watch {
    /// By the operating system's events, read on the caller's thread, and by
    /// looking at the files where it has none to offer. The default.
    PYRELOAD_WATCH_AUTO = 0,
    /// By looking at each tracked file every poll_interval_ms. One that was emptied
    /// counts when that is a second ago: until then it may be a save that has begun.
    PYRELOAD_WATCH_POLL = 1,
    /// Not at all: each check looks at each tracked file, as with
    /// PYRELOAD_WATCH_POLL. No thread is started and there are no SOURCE_CHANGED
    /// events.
    PYRELOAD_WATCH_OFF = 2,
}

/// Settings for pyreload_create(). Fill with pyreload_options_init(), then
/// change what differs. It grows at its end, and struct_size tells the library
/// how much of it the program knows.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct pyreload_options {
    /// sizeof(pyreload_options) as the program was compiled. Set by init.
    pub struct_size: usize,
    /// NULL: a new reloader each time. Else a name, unique in this process:
    /// pyreload_create() gives the reloader of that name if there is one, so that
    /// set-up code may run twice (a re-run notebook, a plug-in loaded again)
    /// without two reloaders doing the same work.
    pub name: *const c_char,
    /// PYRELOAD_TRIGGER_ bits. Default PYRELOAD_TRIGGER_NONE.
    pub trigger_mode: u32,
    /// A pyreload_scope. Default PYRELOAD_SCOPE_USER.
    pub scope: u32,
    /// A pyreload_watch. Default PYRELOAD_WATCH_AUTO.
    pub watch: u32,
    /// Milliseconds between two looks when polling. Default 1000, at least 10.
    pub poll_interval_ms: u32,
    /// SOURCE_CHANGED is sent when the files have been quiet for this many
    /// milliseconds, since editors save in several steps. Default 50. Checks do
    /// not wait for it.
    pub debounce_ms: u32,
}

/// Figures of a reloader. Like pyreload_options it grows at its end: set
/// struct_size to sizeof(pyreload_stats_t) before the call.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct pyreload_stats_t {
    /// sizeof(pyreload_stats_t) as the program was compiled.
    pub struct_size: usize,
    /// Modules whose source files are compared.
    pub tracked_modules: u64,
    /// Folders that the operating system watches for this reloader.
    pub watched_directories: u64,
    /// Folders whose files are looked at one by one, since the operating system
    /// has no events to offer there.
    pub polled_directories: u64,
    /// Size of all tracked source files.
    pub tracked_source_bytes: u64,
    /// Checks that looked at files.
    pub checks: u64,
    /// Modules brought up to date, each as often as it was.
    pub reloads: u64,
}

/// # 3. A reloader
///
/// Fills options with the defaults. struct_size is sizeof(pyreload_options); an
/// unknown size leaves options untouched, and pyreload_create() will say so.
///
/// Python: none. Threads: exclusive, for options.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_options_init(options: *mut pyreload_options, struct_size: usize) {
    entry::value((), || {
        if struct_size != size_of::<pyreload_options>() || options.is_null() {
            return;
        }
        let defaults = pyreload_options {
            struct_size,
            name: std::ptr::null(),
            trigger_mode: PYRELOAD_TRIGGER_NONE,
            scope: pyreload_scope::PYRELOAD_SCOPE_USER as u32,
            watch: pyreload_watch::PYRELOAD_WATCH_AUTO as u32,
            poll_interval_ms: 1000,
            debounce_ms: 50,
        };
        // SAFETY: it is not NULL, and the caller says that there is room for a whole one.
        unsafe { options.write(defaults) };
    });
}

/// Creates a reloader in the main interpreter. Modules imported so far are
/// tracked from now on; none is reloaded. options may be NULL for the defaults,
/// and may be freed afterwards.
///
/// With options->name set and taken, the existing reloader is returned, its
/// options unchanged, and one more pyreload_destroy() is due.
///
/// PYRELOAD_ERR_INTERPRETER without an initialized Python, and on a thread that
/// is attached to a sub-interpreter; PYRELOAD_ERR_UNSUPPORTED when that Python
/// is too old or free-threaded; PYRELOAD_ERR_OS when no watcher could be
/// started in the mode that was asked for.
///
/// Python: attaches. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_create(
    options: *const pyreload_options,
    reloader_out: *mut *mut pyreload_reloader,
) -> pyreload_status {
    entry::status(|| {
        // SAFETY: the caller's: NULL or a place to write to.
        let out = unsafe { Out::required(reloader_out, "reloader_out", std::ptr::null_mut()) }?;
        // SAFETY: the caller's: NULL, or options with their size in front.
        let (options, name) = unsafe { read_options(options) }?;
        if let (Some(name), Some(epoch)) = (name, interp::epoch())
            && interp::enter(epoch, |_| ()).is_ok()
            && let Some(existing) = handle::named(name)
        {
            out.set(existing);
            return Ok(());
        }
        let (reloader, epoch) = interp::open(handle::python_ends, |py, epoch| {
            Reloader::new(py, options).map(|reloader| (reloader, epoch))
        })??;
        out.set(handle::give_out(reloader, epoch, name));
        Ok(())
    })
}

/// # Safety
/// `options` is NULL or points to options whose `struct_size` is true, and whose `name` is NULL
/// or a text that lives as long as `'a`.
unsafe fn read_options<'a>(
    options: *const pyreload_options,
) -> Result<(Options, Option<&'a str>), Fault> {
    let mut settings = Options {
        poll_interval_ms: 1000,
        debounce_ms: 50,
        ..Options::default()
    };
    if options.is_null() {
        return Ok((settings, None));
    }
    // SAFETY: every version of the struct begins with its size.
    let size = unsafe { options.cast::<usize>().read() };
    if size != size_of::<pyreload_options>() {
        return Err(Fault::argument(format!(
            "options have the unknown size {size}; fill them with pyreload_options_init()"
        )));
    }
    // SAFETY: it is as large as it says.
    let options = unsafe { options.read() };
    settings.trigger_mode = options.trigger_mode;
    settings.scope = match options.scope {
        0 => Scope::User,
        1 => Scope::Installed,
        2 => Scope::None,
        other => {
            return Err(Fault::argument(format!(
                "options.scope has the unknown value {other}"
            )));
        }
    };
    settings.watch = match options.watch {
        0 => Watch::Auto,
        1 => Watch::Poll,
        2 => Watch::Off,
        other => {
            return Err(Fault::argument(format!(
                "options.watch has the unknown value {other}"
            )));
        }
    };
    if options.poll_interval_ms < 10 {
        return Err(Fault::argument("options.poll_interval_ms is less than 10"));
    }
    settings.poll_interval_ms = options.poll_interval_ms;
    settings.debounce_ms = options.debounce_ms;
    // SAFETY: the caller's promise.
    let name = unsafe { entry::optional_text(options.name, "options.name") }?;
    Ok((settings, name))
}

/// Ends a reloader: stops the watcher, ends all registrations. Modules stay as
/// they are. Once it returns no callback runs and none will, and every
/// user_data has been freed. From within a callback it may be called too; it
/// then takes effect when that check returns.
///
/// Call it before Py_FinalizeEx(). Later it still frees all memory; what the
/// reloader held inside Python it let go of when Python began to finalize.
///
/// Python: attaches, if there still is one. Threads: exclusive. Of a reloader
/// with a name all but the last call only count down, and may come any time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_destroy(reloader: *mut pyreload_reloader) {
    entry::value((), || handle::destroy(reloader));
}

/// Writes the figures of a reloader to stats_out, whose struct_size is read
/// first. On failure only that member is left as it was; all others are 0.
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_stats(
    reloader: *const pyreload_reloader,
    stats_out: *mut pyreload_stats_t,
) -> pyreload_status {
    entry::status(|| {
        if stats_out.is_null() {
            return Err(Fault::argument("stats_out is NULL"));
        }
        // SAFETY: every version of the struct begins with its size.
        let struct_size = unsafe { stats_out.cast::<usize>().read() };
        if struct_size != size_of::<pyreload_stats_t>() {
            return Err(Fault::argument(format!(
                "stats_out has the unknown size {struct_size}; set struct_size to \
                 sizeof(pyreload_stats_t)"
            )));
        }
        let nothing = pyreload_stats_t {
            struct_size,
            ..pyreload_stats_t::default()
        };
        // SAFETY: it is as large as it says, and the caller's to be written.
        let out = unsafe { Out::optional(stats_out, nothing) };
        let stats = handle::borrow(reloader)?.reloader.stats();
        out.set(pyreload_stats_t {
            struct_size,
            tracked_modules: stats.tracked_modules,
            watched_directories: stats.watched_directories,
            polled_directories: stats.polled_directories,
            tracked_source_bytes: stats.tracked_source_bytes,
            checks: stats.checks,
            reloads: stats.reloads,
        });
        Ok(())
    })
}

/// A file descriptor for poll(), select() or a GUI's event loop, which is
/// readable when a tracked file may have changed: then call pyreload_check() or
/// pyreload_trigger(), which also quiets it. Do not read from it and do not
/// close it; it ends with the reloader. -1 for NULL, and where the operating
/// system has none to offer (then register for SOURCE_CHANGED).
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pyreload_notify_fd(reloader: *const pyreload_reloader) -> c_int {
    entry::value(-1, || {
        handle::borrow(reloader).map_or(-1, |r| r.reloader.notify_fd())
    })
}

use super::status::pyreload_status;
