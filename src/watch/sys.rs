//! The system calls of this room that `std` and the `inotify` crate do not have.

#[cfg(target_os = "linux")]
use std::ffi::CString;
#[cfg(target_os = "linux")]
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStrExt;
#[cfg(target_os = "linux")]
use std::path::Path;
#[cfg(unix)]
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many forks lie between the process that loaded this library and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The number of this process in its line of forks. What it was when a descriptor or a thread
/// was made tells whether that is this process's own; it costs one load, where `getpid` is a
/// system call.
pub fn generation() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Makes `generation` change in forked children. Children made by a bare `clone` system call,
/// past the C library, are not noticed.
pub(super) fn count_forks() {
    #[cfg(unix)]
    {
        extern "C" fn in_child() {
            FORKS.fetch_add(1, Ordering::Relaxed);
        }
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: the handler only adds to an atomic, which is allowed in a forked child, and
            // the library is linked so that it is never unloaded (see build.rs).
            unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        });
    }
}

/// Turns the -1 of a system call into its error.
#[cfg(target_os = "linux")]
fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// An epoll descriptor that is readable while `fd` is.
#[cfg(target_os = "linux")]
pub(super) fn epoll_of(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let epoll = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
    // SAFETY: the descriptor is new and nobody else's.
    let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
    let mut event = libc::epoll_event {
        events: libc::EPOLLIN as u32,
        u64: 0,
    };
    let (this, op) = (epoll.as_raw_fd(), libc::EPOLL_CTL_ADD);
    // SAFETY: both descriptors are open, and the event lives during the call.
    checked(unsafe { libc::epoll_ctl(this, op, fd.as_raw_fd(), &raw mut event) })?;
    Ok(epoll)
}

/// Whether an epoll descriptor has something to tell, without waiting. When in doubt, it has.
///
/// Of the ways to ask an idle inotify descriptor this is the cheapest: no lock is taken and no
/// queue looked at, for the kernel keeps a list of what is ready (140 ns where `FIONREAD` takes
/// 280, `poll` 340 and a `read` that finds nothing 350).
#[cfg(target_os = "linux")]
pub(super) fn is_ready(epoll: RawFd) -> bool {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: there is room for the one event that is asked for.
    unsafe { libc::epoll_wait(epoll, &raw mut event, 1, 0) != 0 }
}

/// Puts `new` in the place of `old`, under `old`'s number, in this process only.
#[cfg(target_os = "linux")]
pub(super) fn replace(old: &OwnedFd, new: OwnedFd) -> io::Result<()> {
    let (from, to) = (new.as_raw_fd(), old.as_raw_fd());
    // SAFETY: both are open descriptors of ours; `old` is owned, so no one else counts on what
    // stands behind its number.
    checked(unsafe { libc::dup3(from, to, libc::O_CLOEXEC) }).map(drop)
}

/// Waits until one of the two is readable or the time is over.
#[cfg(target_os = "linux")]
pub(super) fn wait(fds: [RawFd; 2], timeout_ms: i32) -> [bool; 2] {
    let mut polls = fds.map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: the array has the two entries that are named.
    let ready = unsafe { libc::poll(polls.as_mut_ptr(), 2, timeout_ms) };
    if ready > 0 {
        polls.map(|p| p.revents != 0)
    } else {
        [false; 2]
    }
}

/// Whether a directory lies on a file system whose files other machines, or other processes past
/// the kernel, can change without an event here. `false` when that cannot be found out.
#[cfg(target_os = "linux")]
pub(super) fn is_remote(dir: &Path) -> bool {
    // linux/magic.h, and the sources of those that are not in the kernel.
    const REMOTE: [u32; 17] = [
        0x6969,      // nfs
        0x517b,      // smb
        0xff53_4d42, // cifs
        0xfe53_4d42, // smb2
        0x6573_5546, // fuse: sshfs, gvfs, virtiofs, s3fs
        0x0102_1997, // 9p: WSL, virtual machines
        0x5346_414f, // afs
        0x6b41_4653, // kafs
        0x7375_7245, // coda
        0x564c,      // ncp
        0x00c3_6400, // ceph
        0x0116_1970, // gfs2
        0x7461_636f, // ocfs2
        0x0bd0_0bd0, // lustre
        0x4750_4653, // gpfs
        0x786f_4256, // vboxsf
        0xbacb_acbc, // vmhgfs
    ];
    let Ok(path) = CString::new(dir.as_os_str().as_bytes()) else {
        return false;
    };
    let mut stat = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the path ends in NUL and there is room for the answer.
    if unsafe { libc::statfs(path.as_ptr(), stat.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: statfs succeeded, so it filled the structure.
    let stat = unsafe { stat.assume_init() };
    // The type of the field differs between architectures; the magic has 32 bits.
    REMOTE.contains(&(stat.f_type as u32))
}

/// Not asked here: nothing is watched by events.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_remote(_dir: &std::path::Path) -> bool {
    false
}
