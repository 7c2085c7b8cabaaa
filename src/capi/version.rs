//! Header, chapter 1.

use std::ffi::{CStr, c_char};

use super::entry;

/// # 1. Version
///
/// The version of the library that is running, in the form of
/// PYRELOAD_VERSION_NUMBER. A careful program compares the major parts (and, as
/// long as that is 0, the minor parts).
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn pyreload_version() -> u32 {
    entry::value(0, || number(env!("CARGO_PKG_VERSION")))
}

/// The same as text, such as "0.1.0".
///
/// Python: none. Threads: any.
#[unsafe(no_mangle)]
pub extern "C" fn pyreload_version_string() -> *const c_char {
    entry::value(c"".as_ptr(), || TEXT.as_ptr())
}

const TEXT: &CStr =
    match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(text) => text,
        Err(_) => panic!("a version has no NUL"),
    };

fn number(version: &str) -> u32 {
    let parts = version
        .split('.')
        .map(|part| part.parse::<u32>().unwrap_or(0));
    parts.take(3).fold(0, |number, part| number << 8 | part)
}
