//! Texts in a file without a name, and from there in the kernel's page cache: to write them takes a
//! fraction of the time that packing takes, and they cost no memory of the process as long as
//! nobody reads them.
//!
//! The file is unlinked from the start and closed as soon as its parts are mapped. So it ends with
//! the process, no descriptor of it can be closed or inherited, and nobody else can change it.
//! Where such a file cannot be had there is no spool, and texts are packed.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

/// So much is written at once.
const PART: usize = 256 << 10;

/// Many texts, one after the other.
#[derive(Debug, Default)]
pub(super) struct Part {
    mapped: OnceLock<Mapping>,
    /// Until it is mapped; for good if it cannot be.
    waiting: Mutex<Vec<u8>>,
}

impl Part {
    /// A text of it, by its place.
    pub fn read(&self, start: usize, len: usize) -> Option<String> {
        let waiting;
        let bytes = match self.mapped.get() {
            Some(mapped) => mapped.bytes(),
            None => {
                waiting = self.waiting.lock();
                match self.mapped.get() {
                    Some(mapped) => mapped.bytes(),
                    None => waiting.as_slice(),
                }
            }
        };
        let text = bytes.get(start..start.checked_add(len)?)?;
        let text = String::from_utf8(text.to_vec()).ok();
        if let Some(mapped) = self.mapped.get() {
            mapped.forget();
        }
        text
    }
}

/// A part of a file in memory, to be read.
#[derive(Debug)]
struct Mapping {
    start: *mut libc::c_void,
    len: usize,
}

// SAFETY: the memory belongs to the mapping alone, and is only read.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: &File, offset: u64, len: usize) -> Option<Self> {
        let offset = libc::off_t::try_from(offset).ok()?;
        // SAFETY: a new mapping at a place that the kernel chooses.
        let start = unsafe {
            let (access, kind) = (libc::PROT_READ, libc::MAP_PRIVATE);
            libc::mmap(
                std::ptr::null_mut(),
                len,
                access,
                kind,
                file.as_raw_fd(),
                offset,
            )
        };
        (start != libc::MAP_FAILED).then_some(Self { start, len })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: so much of the file was written before it was mapped; it has no name, and no
        // descriptor any more by which anybody could cut it off.
        unsafe { std::slice::from_raw_parts(self.start.cast(), self.len) }
    }

    /// The pages are the kernel's again; who reads them again gets them again.
    fn forget(&self) {
        // SAFETY: the whole mapping; its pages are those of the file, never changed.
        unsafe { libc::madvise(self.start, self.len, libc::MADV_DONTNEED) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: nobody has a reference into it: each is bound to `self`.
        unsafe { libc::munmap(self.start, self.len) };
    }
}

/// The file while it is written.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    end: u64,
    part: Arc<Part>,
    page: u64,
    failed: bool,
}

impl Spool {
    /// A spool in the first folder on a disk that has room for one.
    pub fn new() -> Option<Self> {
        let file = [std::env::temp_dir(), PathBuf::from("/var/tmp")]
            .iter()
            .find_map(|folder| nameless(folder))?;
        // SAFETY: asks for a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Some(Self {
            file,
            end: 0,
            part: Arc::default(),
            page: u64::try_from(page).ok().filter(|page| *page > 0)?,
            failed: false,
        })
    }

    /// Takes a text in: the part that has it, and where. `None` when nothing can be written.
    pub fn add(&mut self, text: &str) -> Option<(Arc<Part>, usize)> {
        if self.failed {
            return None;
        }
        let mut waiting = self.part.waiting.lock();
        if !waiting.is_empty() && waiting.len() + text.len() > PART {
            drop(waiting);
            self.write();
            return self.add(text);
        }
        if waiting.capacity() == 0 {
            waiting.reserve_exact(PART.max(text.len()));
        }
        let start = waiting.len();
        waiting.extend_from_slice(text.as_bytes());
        drop(waiting);
        Some((Arc::clone(&self.part), start))
    }

    /// Writes what waits, and maps it. What cannot be written stays in memory.
    fn write(&mut self) {
        let part = std::mem::take(&mut self.part);
        let mut waiting = part.waiting.lock();
        let mapped = self
            .file
            .write_all_at(&waiting, self.end)
            .ok()
            .and_then(|()| Mapping::new(&self.file, self.end, waiting.len()));
        match mapped {
            Some(mapped) => {
                self.end = (self.end + waiting.len() as u64).next_multiple_of(self.page);
                let _ = part.mapped.set(mapped);
                // The room goes on to the next part.
                let mut room = std::mem::take(&mut *waiting);
                room.clear();
                *self.part.waiting.lock() = room;
            }
            None => {
                waiting.shrink_to_fit();
                self.failed = true;
            }
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if !self.part.waiting.lock().is_empty() {
            self.write();
        }
    }
}

/// A file without a name in a folder that is on a disk, where it is not memory after all.
#[allow(
    clippy::unnecessary_cast,
    reason = "the number of a file system has another type on other machines"
)]
fn nameless(folder: &Path) -> Option<File> {
    let path = CString::new(folder.as_os_str().as_bytes()).ok()?;
    // SAFETY: all are plain numbers, which the calls fill in.
    let (mut limit, mut kind) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
    // SAFETY: both get a place for what they say, and the second a path with a null at its end.
    let asked = unsafe {
        libc::getrlimit(libc::RLIMIT_FSIZE, &raw mut limit) == 0
            && libc::statfs(path.as_ptr(), &raw mut kind) == 0
    };
    let limit: libc::rlimit = limit;
    let kind: libc::statfs = kind;
    // To write beyond the limit kills a process.
    if !asked || limit.rlim_cur != libc::RLIM_INFINITY || !DISKS.contains(&(kind.f_type as i64)) {
        return None;
    }
    let flags = libc::O_TMPFILE | libc::O_RDWR | libc::O_CLOEXEC | libc::O_EXCL;
    // SAFETY: a path with a null at its end.
    let file = unsafe { libc::open(path.as_ptr(), flags, 0o600) };
    // SAFETY: an open descriptor that nobody else has.
    (file >= 0).then(|| unsafe { File::from_raw_fd(file) })
}

/// File systems of a disk in this machine (ext, XFS, Btrfs, F2FS, bcachefs, ZFS, overlayfs). On a
/// tmpfs the file would be memory after all; from a server a page may fail to come back, and reading
/// it then kills a process.
const DISKS: [i64; 7] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0xf2f5_2010,
    0xca45_1a4e,
    0x2fc1_2fc1,
    0x794c_7630,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spooled_reads_as_it_was() {
        let Some(mut spool) = Spool::new() else {
            return;
        };
        let texts: Vec<String> = (0..400)
            .map(|n| format!("n = {n}\n").repeat(n * 7))
            .collect();
        let places: Vec<_> = texts.iter().map(|text| spool.add(text)).collect();
        let check = || {
            for (text, place) in texts.iter().zip(&places) {
                let (part, start) = place.as_ref().expect("there is room");
                assert_eq!(
                    part.read(*start, text.len()).as_deref(),
                    Some(text.as_str())
                );
            }
        };
        check();
        drop(spool);
        check();
        let (part, _) = places[0].as_ref().expect("there is room");
        assert_eq!(part.read(usize::MAX, 2), None);
        assert_eq!(part.read(0, PART * 2), None);
    }
}
