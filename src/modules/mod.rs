//! The modules of an interpreter, and which version of its source each one runs.
//!
//! The ledger is shared by all reloaders of an interpreter, so that an edit is applied once. It
//! holds no Python object: a module is looked up in `sys.modules` when it is needed, and known
//! by its address, so that one that was taken out or replaced is noticed.

mod failure;
mod graph;
mod imports;
mod kept;
mod ledger;
mod names;
#[cfg(target_os = "linux")]
mod spelled;
mod spool;
mod stale;
mod survey;
mod takes;

pub use failure::{Attempt, Failure};
pub use graph::{Graph, Id, Marks};
pub use imports::{ANY, may_be, resolve, scan};
pub use ledger::{Ledger, Next, Record, Version, forward, targets};
pub use names::shared;
pub use stale::{FirstLook, Origin, loader_text};
pub use survey::{Places, Seen, View, survey};
pub use takes::Taken;
