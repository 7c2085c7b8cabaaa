//! A report as lines of text for a console, and as JSON for bindings.

use std::fmt::Write;

use super::{Action, Cause, Change, ChangeKind, ModuleReport, Outcome, Report};

impl Report {
    /// The whole report as lines of text, each ended. Empty when there are no modules in it.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if self.modules.is_empty() {
            return out;
        }
        let title = if self.dry_run {
            "pyreload, dry run: "
        } else {
            "pyreload: "
        };
        out.push_str(title);
        let mut first = true;
        for outcome in Outcome::ALL {
            let count = self.count(outcome);
            if count > 0 {
                let separator = if first { "" } else { ", " };
                let _ = write!(out, "{separator}{count} {}", outcome.word());
                first = false;
            }
        }
        let _ = writeln!(out, " in {}", duration(self.duration_ns));
        for module in &self.modules {
            module.write(&mut out);
        }
        out
    }

    /// The whole report as one JSON object.
    pub fn json(&self) -> String {
        // The data has nothing that could fail: texts, numbers, and names of variants.
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }

    /// How many modules had this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.modules.iter().filter(|m| m.outcome == outcome).count()
    }

    /// Whether a module kept its version although it should not have.
    pub fn has_failures(&self) -> bool {
        self.modules.iter().any(|m| !m.outcome.is_current())
    }
}

impl ModuleReport {
    fn write(&self, out: &mut String) {
        let _ = write!(out, "  {}: {}", self.name, self.outcome.word());
        match self.cause {
            Cause::Source => {}
            Cause::Dependency => out.push_str(", since it uses a module that changed"),
            Cause::Request => out.push_str(", on request"),
        }
        out.push('\n');
        if let Some(error) = &self.error {
            out.push_str("    ");
            out.push_str(error);
            if self.error_line > 0 {
                let _ = write!(out, " ({}, line {})", self.path, self.error_line);
            }
            out.push('\n');
        }
        if let Some(traceback) = &self.traceback {
            for line in traceback.lines() {
                let _ = writeln!(out, "      {line}");
            }
        }
        for change in &self.changes {
            change.write(out);
        }
        for note in &self.notes {
            let _ = writeln!(out, "    note: {note}");
        }
    }
}

impl Change {
    fn write(&self, out: &mut String) {
        let _ = write!(
            out,
            "    {} {} {}",
            self.action.word(),
            self.kind.word(),
            self.name
        );
        if self.line > 0 {
            let _ = write!(out, ", line {}", self.line);
        }
        if !self.reason.is_empty() {
            let _ = write!(out, ": {}", self.reason);
        }
        out.push('\n');
    }
}

impl Outcome {
    /// All of them, in the order of their values.
    pub const ALL: [Self; 7] = [
        Self::Patched,
        Self::Executed,
        Self::Reloaded,
        Self::Unchanged,
        Self::Failed,
        Self::Deferred,
        Self::Skipped,
    ];

    /// As it is written in a text.
    pub fn word(self) -> &'static str {
        match self {
            Self::Patched => "patched",
            Self::Executed => "executed",
            Self::Reloaded => "reloaded",
            Self::Unchanged => "unchanged",
            Self::Failed => "failed",
            Self::Deferred => "deferred",
            Self::Skipped => "skipped",
        }
    }

    /// The module runs what is in its file.
    pub fn is_current(self) -> bool {
        !matches!(self, Self::Failed | Self::Deferred | Self::Skipped)
    }
}

impl ChangeKind {
    /// As it is written in a text.
    pub fn word(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Class => "class",
            Self::Variable => "variable",
            Self::Import => "import",
            Self::Statement => "statement",
        }
    }
}

impl Action {
    /// As it is written in a text.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Rebound => "rebound",
            Self::Removed => "removed",
            Self::Executed => "executed",
            Self::Kept => "kept",
        }
    }
}

/// Nanoseconds in the unit that a person would choose.
fn duration(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{}.{} us", ns / 1_000, ns / 100 % 10),
        1_000_000..1_000_000_000 => format!("{}.{} ms", ns / 1_000_000, ns / 100_000 % 10),
        _ => format!("{}.{} s", ns / 1_000_000_000, ns / 100_000_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Report {
        let change = Change {
            kind: ChangeKind::Function,
            action: Action::Updated,
            name: "Rect.area".into(),
            line: 7,
            reason: "its body changed".into(),
        };
        let good = ModuleReport {
            name: "shapes".into(),
            path: "/src/shapes.py".into(),
            outcome: Outcome::Patched,
            cause: Cause::Source,
            error: None,
            traceback: None,
            error_line: 0,
            changes: vec![change],
            notes: vec!["old \"x\" stays".into()],
        };
        let bad = ModuleReport {
            name: "page".into(),
            path: "/src/page.py".into(),
            outcome: Outcome::Failed,
            cause: Cause::Dependency,
            error: Some("NameError: name 'x' is not defined".into()),
            traceback: Some("Traceback:\n  line 3\n".into()),
            error_line: 3,
            changes: Vec::new(),
            notes: Vec::new(),
        };
        Report {
            modules: vec![good, bad],
            dry_run: false,
            duration_ns: 1_234_567,
        }
    }

    #[test]
    fn text_tells_module_by_module() {
        assert_eq!(
            sample().text(),
            "pyreload: 1 patched, 1 failed in 1.2 ms\n\
             \x20 shapes: patched\n\
             \x20   updated function Rect.area, line 7: its body changed\n\
             \x20   note: old \"x\" stays\n\
             \x20 page: failed, since it uses a module that changed\n\
             \x20   NameError: name 'x' is not defined (/src/page.py, line 3)\n\
             \x20     Traceback:\n\
             \x20       line 3\n"
        );
        assert_eq!(Report::default().text(), "");
    }

    #[test]
    fn json_has_every_field() {
        let value: serde_json::Value = serde_json::from_str(&sample().json()).expect("valid JSON");
        assert_eq!(value["duration_ns"], 1_234_567);
        assert_eq!(value["dry_run"], false);
        assert_eq!(value["modules"][0]["outcome"], "patched");
        assert_eq!(value["modules"][0]["changes"][0]["kind"], "function");
        assert_eq!(value["modules"][0]["changes"][0]["action"], "updated");
        assert_eq!(value["modules"][0]["notes"][0], "old \"x\" stays");
        assert_eq!(value["modules"][0]["error"], serde_json::Value::Null);
        assert_eq!(value["modules"][1]["cause"], "dependency");
        assert_eq!(value["modules"][1]["error_line"], 3);
    }

    #[test]
    fn only_modules_that_kept_their_version_are_failures() {
        let mut report = sample();
        assert!(report.has_failures());
        report.modules.pop();
        assert!(!report.has_failures());
        report.modules[0].outcome = Outcome::Skipped;
        assert!(report.has_failures());
    }
}
