//! Steps to live objects, in one transaction.

mod annotations;
mod attributes;
mod class;
mod codes;
mod compile;
mod dataclass;
mod enums;
mod execute;
mod export;
mod filled;
mod function;
mod heap;
mod holders;
mod idioms;
mod imports;
mod kit;
mod lines;
mod listed;
mod made;
mod members;
mod module;
mod patch;
mod registry;
mod removal;
mod retract;
mod transaction;
mod value;
mod whole;
mod work;

pub use compile::Source;
pub use function::identical;
pub use kit::{Kit, text};
pub use module::{Facts, Job, Rebind, Taken, run};
pub use transaction::Transaction;
pub use whole::run_whole;
pub use work::{Orphans, Work};
