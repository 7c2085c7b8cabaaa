//! pyreload: hot reload of changed Python code inside a program that embeds CPython.
//!
//! The way of an edit, and the order of the modules below:
//!
//! ```text
//! event -> files that changed -> outline -> diff -> plan -> apply -> report -> callbacks
//! ```
//!
//! A module imports only modules that stand above it in this list; `tests/architecture.rs`
//! checks it. Layer 0 is pure (no Python, no files, no clock), layer 1 is the operating
//! system, layer 2 the live interpreter, layer 3 the conductor, layer 4 the C boundary.

// A library that prints writes into its host's output. (Not in Cargo.toml: tests may.)
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

// layer 0: pure
pub mod text;
pub mod outline;
pub mod diff;
pub mod plan;
pub mod report;
// layer 1: the operating system
pub mod files;
pub mod watch;
// layer 2: the live interpreter
pub mod interp;
pub mod modules;
pub mod apply;
// layer 3: the conductor
pub mod callbacks;
pub mod reloader;
// layer 4: the C boundary
pub mod capi;

include!(concat!(env!("OUT_DIR"), "/testlink.rs"));
