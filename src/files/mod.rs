//! Files as they really change: stat stamps, and reads that notice a writer at work.
//!
//! A stamp says "changed" cheaply, and "unchanged" only when it may be trusted: file systems
//! stamp with a coarse clock, so two saves within one tick can leave the same stamp behind.
//! Git has the same trouble with its index and the same cure (Documentation/technical/
//! racy-git.txt): a stamp that was taken too soon after the change it shows proves nothing, and
//! the content is compared instead.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How old a change must be, when it is looked at, for its stamp to be trusted. The coarsest
/// clock in use is FAT's, which ticks every two seconds.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// How often a read is begun anew when the file changes under it.
const READ_ATTEMPTS: usize = 8;

/// What `stat` says about a file, symlinks followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Length in bytes.
    pub size: u64,
    /// Last change of the content, as the writer left it: `cp -p` and `touch` set it at will.
    pub mtime_ns: i64,
    /// Last change of content or inode, from the kernel's clock; nobody can set it. On Windows,
    /// where there is none, the time of creation.
    pub ctime_ns: i64,
    /// Number of the inode; 0 on Windows.
    pub inode: u64,
    /// Number of the device; 0 on Windows.
    pub dev: u64,
}

impl Stamp {
    /// Reads the stamp out of what `stat` or `fstat` said.
    pub fn of(meta: &Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let ns = |s: i64, ns: i64| s.saturating_mul(1_000_000_000).saturating_add(ns);
            Self {
                size: meta.len(),
                mtime_ns: ns(meta.mtime(), meta.mtime_nsec()),
                ctime_ns: ns(meta.ctime(), meta.ctime_nsec()),
                inode: meta.ino(),
                dev: meta.dev(),
            }
        }
        #[cfg(not(unix))]
        {
            Self {
                size: meta.len(),
                mtime_ns: meta.modified().map_or(0, since_epoch),
                ctime_ns: meta.created().map_or(0, since_epoch),
                inode: 0,
                dev: 0,
            }
        }
    }

    /// The moment of the last write, by the clock that a writer cannot set where there is one.
    fn written_ns(&self) -> i64 {
        if cfg!(unix) {
            self.ctime_ns
        } else {
            self.mtime_ns
        }
    }
}

/// A stamp and when it was taken: what a later look is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// `None` when there was no such file.
    pub stamp: Option<Stamp>,
    /// By the system's clock, in nanoseconds since 1970.
    pub taken_ns: i64,
}

impl Look {
    /// Looks at a file, one system call.
    pub fn at(path: &Path) -> Self {
        // The clock is read first: a write between the two must not look settled.
        let taken_ns = now_ns();
        Self {
            stamp: stamp(path),
            taken_ns,
        }
    }

    /// Whether a write after this look is certain to change the stamp. A stamp from the future
    /// (a clock was set back) is never settled.
    pub fn settled(&self) -> bool {
        let age = i64::try_from(SETTLED_AFTER.as_nanos()).unwrap_or(i64::MAX);
        self.stamp
            .is_none_or(|s| s.written_ns() <= self.taken_ns.saturating_sub(age))
    }

    /// Whether this look proves that the file is what it was at the `older` one. When not, only
    /// the content can tell.
    pub fn proves_same_as(&self, older: &Self) -> bool {
        self.stamp == older.stamp && older.settled()
    }
}

/// The stamp of a file, symlinks followed; `None` when there is none to be had.
pub fn stamp(path: &Path) -> Option<Stamp> {
    fs::metadata(path).ok().map(|meta| Stamp::of(&meta))
}

/// Reads a whole file and the stamp that belongs to exactly these bytes. Begins anew when the
/// file changes during the read; after a few times it gives `ErrorKind::ResourceBusy`, and the
/// file is worth another look later.
pub fn read(path: &Path) -> io::Result<(Vec<u8>, Stamp)> {
    for _ in 0..READ_ATTEMPTS {
        let mut file = File::open(path)?;
        let before = file.metadata()?;
        if before.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let before = Stamp::of(&before);
        let bytes = read_all(&mut file, before.size)?;
        // Also differs when the name was given to another file meanwhile: losing its last name
        // changes the ctime of the one that is open here.
        let after = Stamp::of(&file.metadata()?);
        if before == after && bytes.len() as u64 == after.size {
            return Ok((bytes, after));
        }
    }
    Err(io::Error::new(
        io::ErrorKind::ResourceBusy,
        "the file is being written",
    ))
}

/// Reads many files one after the other, into the same memory.
pub struct Reader {
    buffer: Vec<u8>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            buffer: vec![0; 64 * 1024],
        }
    }
}

impl Reader {
    /// The same as `read`, with a system call less for a file that nobody has written lately.
    pub fn read(&mut self, path: &Path) -> io::Result<(&[u8], Look)> {
        let taken_ns = now_ns();
        if let Some((size, stamp)) = self.at_once(path)? {
            let look = Look {
                stamp: Some(stamp),
                taken_ns,
            };
            // A stamp from after the read that is older than the read by as much as the clock
            // of the file system may be wrong: nobody wrote meanwhile.
            if look.settled() && stamp.size == size as u64 {
                return Ok((&self.buffer[..size], look));
            }
        }
        let taken_ns = now_ns();
        let (bytes, stamp) = read(path)?;
        self.buffer = bytes;
        let size = self.buffer.len();
        self.buffer.resize(size.max(64 * 1024), 0);
        let look = Look {
            stamp: Some(stamp),
            taken_ns,
        };
        Ok((&self.buffer[..size], look))
    }

    /// How many bytes one `read` gave, and the stamp afterwards; `None` when they may not be all.
    fn at_once(&mut self, path: &Path) -> io::Result<Option<(usize, Stamp)>> {
        let mut file = File::open(path)?;
        let size = match file.read(&mut self.buffer) {
            Ok(size) if size < self.buffer.len() => size,
            _ => return Ok(None),
        };
        Ok(Some((size, Stamp::of(&file.metadata()?))))
    }
}

/// One `read` call for an ordinary file: `File::read_to_end` needs four to be sure of the end,
/// and here the stamp taken afterwards says whether this was all.
fn read_all(file: &mut File, size: u64) -> io::Result<Vec<u8>> {
    let size = usize::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size)?;
    while bytes.len() < size {
        let left = size - bytes.len();
        match read_some(file, &mut bytes, left) {
            Ok(0) => break,
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(bytes)
}

/// One `read` of at most so many bytes, into the room that there is behind the others: to clear it
/// first would cost as much as to read.
#[cfg(unix)]
fn read_some(file: &mut File, bytes: &mut Vec<u8>, most: usize) -> io::Result<usize> {
    use std::os::fd::AsRawFd;
    /// More is not asked for at once: some systems refuse what does not fit 31 bits.
    const AT_ONCE: usize = 1 << 30;
    let room = bytes.spare_capacity_mut();
    let most = most.min(room.len()).min(AT_ONCE);
    // SAFETY: the descriptor is open as long as the file is borrowed, and there is room for so many
    // bytes, which nobody else has a reference to.
    let count = unsafe { libc::read(file.as_raw_fd(), room.as_mut_ptr().cast(), most) };
    let Ok(count) = usize::try_from(count) else {
        return Err(io::Error::last_os_error());
    };
    // SAFETY: the kernel has written so many behind the bytes that were there.
    unsafe { bytes.set_len(bytes.len() + count) };
    Ok(count)
}

#[cfg(not(unix))]
fn read_some(file: &mut File, bytes: &mut Vec<u8>, most: usize) -> io::Result<usize> {
    let filled = bytes.len();
    bytes.resize(filled + most, 0);
    let count = file.read(&mut bytes[filled..]);
    bytes.truncate(filled + count.as_ref().map_or(0, |count| *count));
    count
}

/// Whether these bytes are likely to be a save in its first moment: editors that write in place
/// empty the file, then fill it, and an empty file is valid Python that would remove everything.
/// Empty and younger than a second: worth another look, not a reload. A stamp from the future is
/// that of another computer's clock, and says nothing.
pub fn looks_unfinished(bytes: &[u8], stamp: &Stamp) -> bool {
    const WHILE_NS: i64 = 1_000_000_000;
    let age = now_ns().saturating_sub(stamp.written_ns());
    bytes.is_empty() && (-WHILE_NS..WHILE_NS).contains(&age)
}

/// The system's clock, in nanoseconds since 1970.
pub fn now_ns() -> i64 {
    since_epoch(SystemTime::now())
}

fn since_epoch(time: SystemTime) -> i64 {
    let ns = |d: Duration| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => ns(after),
        Err(before) => -ns(before.duration()),
    }
}

#[cfg(test)]
mod tests;
