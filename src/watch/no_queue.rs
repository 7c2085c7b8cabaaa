//! Where the system has no events that we use: there never is a queue, and all is swept.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Want {
    Itself,
    Entries,
    Files,
}

#[derive(Debug)]
#[allow(dead_code, reason = "never made on this system")]
pub(super) enum Event<'a> {
    Overflow,
    Gone(i32),
    Changed {
        wd: i32,
        name: &'a OsStr,
        is_dir: bool,
        written: bool,
    },
    Created {
        wd: i32,
        name: &'a OsStr,
        is_dir: bool,
    },
}

#[derive(Debug)]
pub(super) enum Watch {}

impl Watch {
    pub(super) fn id(&self) -> i32 {
        match *self {}
    }
}

pub(super) enum Queue {}

impl Queue {
    pub(super) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn add(&self, _dir: &Path, _want: Want) -> io::Result<Watch> {
        match *self {}
    }

    pub(super) fn remove(&self, watch: Watch) {
        match watch {}
    }

    pub(super) fn read(&mut self, _each: impl FnMut(Event<'_>)) -> io::Result<()> {
        match *self {}
    }
}
