//! The C boundary. One file per chapter of the header, in its order, and the tools they share.
//!
//! Each exported function is one expression: a call of [`entry::status`] or [`entry::value`].
//! They catch panics and keep the sentence of `pyreload_last_error`; `tests/exports.rs` finds
//! functions that do without. The header is made from the doc comments by `tests/header.rs`.

#![allow(non_camel_case_types, reason = "these are the names that C sees")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the doc comments are the header's; RULES FOR ALL FUNCTIONS there has the promises"
)]

// the tools
mod entry;
mod handle;
mod listeners;
mod python;
// the chapters
pub mod version;
pub mod status;
pub mod reloader;
pub mod trigger;
pub mod check;
pub mod modules;
pub mod callbacks;
pub mod report;
pub mod log;
