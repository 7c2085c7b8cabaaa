//! Which modules are tracked, and how each is brought up to date.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use super::{Error, Policy, Scope};
use crate::modules::{Places, Record};

/// Scope, rules and policies of one reloader.
#[derive(Debug, Default)]
pub struct Rules {
    scope: Scope,
    /// What these rules track is noted with this number, which no others have had.
    stamp: AtomicU64,
    by_name: RwLock<BTreeMap<String, bool>>,
    policies: RwLock<BTreeMap<String, Policy>>,
}

impl Rules {
    /// The scope alone.
    pub fn new(scope: Scope) -> Self {
        let rules = Self {
            scope,
            ..Self::default()
        };
        rules.renew();
        rules
    }

    /// Forgets what was noted about modules.
    fn renew(&self) {
        static STAMPS: AtomicU64 = AtomicU64::new(1);
        let stamp = STAMPS.fetch_add(1, Ordering::Relaxed);
        self.stamp.store(stamp, Ordering::Release);
    }

    /// Adds a rule, or replaces the opposite one.
    pub fn set(&self, name: &str, track: bool) -> Result<(), Error> {
        check_name(name)?;
        self.by_name.write().insert(name.to_owned(), track);
        self.renew();
        Ok(())
    }

    /// Takes a rule back.
    pub fn forget(&self, name: &str) -> Result<(), Error> {
        let known = self.by_name.write().remove(name);
        self.renew();
        match known {
            Some(_) => Ok(()),
            None => Err(Error::NotFound(format!("there is no rule for '{name}'"))),
        }
    }

    /// How a module is brought up to date.
    pub fn set_policy(&self, name: &str, policy: Policy) -> Result<(), Error> {
        check_name(name)?;
        self.policies.write().insert(name.to_owned(), policy);
        Ok(())
    }

    /// The policy that was set for exactly this module.
    pub fn policy(&self, name: &str) -> Option<Policy> {
        self.policies.read().get(name).copied()
    }

    /// Whether a module that is known is to be tracked. Asked of thousands at once, so the answer
    /// is noted.
    pub fn track(&self, places: &Places, record: &Record) -> bool {
        // Before the rules are read: an answer that is out of date has a stamp that is, too.
        let stamp = self.stamp.load(Ordering::Acquire);
        if record.tracked.load(Ordering::Relaxed) == stamp {
            return true;
        }
        let tracked = self.tracks(places, &record.name, &record.path.read());
        if tracked {
            record.tracked.store(stamp, Ordering::Relaxed);
        }
        tracked
    }

    /// Whether a module is to be tracked. Of the rules that cover it the longest wins.
    pub fn tracks(&self, places: &Places, name: &str, path: &std::path::Path) -> bool {
        let rules = self.by_name.read();
        if !rules.is_empty() {
            let mut at = name;
            loop {
                if let Some(track) = rules.get(at) {
                    return *track;
                }
                match at.rsplit_once('.') {
                    Some((head, _)) => at = head,
                    None => break,
                }
            }
        }
        drop(rules);
        match self.scope {
            Scope::None => false,
            Scope::Installed => !places.is_stdlib(path),
            Scope::User => !places.is_stdlib(path) && !places.is_installed(path),
        }
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.split('.').any(str::is_empty) {
        return Err(Error::Argument(format!(
            "'{name}' is not the dotted name of a module, such as 'package.module'"
        )));
    }
    Ok(())
}
