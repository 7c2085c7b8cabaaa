//! What the text of a host's namespace says of its names: a script has its file, a console the list of what
//! was typed. Whether `L` is `m.LIMIT` cannot be told from a small number.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::apply::{Kit, text};
use crate::files;
use crate::modules::resolve;
use crate::outline;

/// The texts of a namespace, as far as they can be had.
pub(super) struct Commands {
    package: String,
    /// In the order in which they ran.
    texts: Vec<Arc<str>>,
}

/// Scripts of namespaces by their files, as they were when they were first asked for: one that runs is not
/// read again, whatever becomes of its file.
pub(super) type Scripts = Mutex<HashMap<String, Script>>;

#[derive(Clone)]
pub(super) struct Script {
    text: Arc<str>,
    /// It imports something under another name.
    others: bool,
}

/// What an import under another name has in it.
const OTHER: &str = " as ";

impl Commands {
    /// Reads them. Nothing of the program's runs for it.
    pub fn of(namespace: &Bound<'_, PyDict>, scripts: &Scripts) -> PyResult<Self> {
        let string = |name: &str| -> PyResult<Option<String>> {
            let found = namespace.get_item(name)?;
            Ok(found
                .filter(|s| s.is_exact_instance_of::<PyString>())
                .map(|s| text(&s)))
        };
        let mut texts = Vec::new();
        if let Some(file) = string("__file__")? {
            texts.push(read(scripts, &file).text);
        }
        // IPython's.
        if let Some(typed) = namespace.get_item("In")?
            && let Ok(typed) = typed.cast_into_exact::<PyList>()
        {
            let typed = typed
                .iter()
                .filter(|t| t.is_exact_instance_of::<PyString>());
            texts.extend(typed.map(|t| Arc::from(text(&t))));
        }
        let package = string("__package__")?.unwrap_or_default();
        Ok(Self { package, texts })
    }

    /// Whether they may import anything under another name: a look at them that costs next to nothing.
    pub fn may_tell(
        kit: &Kit<'_>,
        namespace: &Bound<'_, PyDict>,
        scripts: &Scripts,
    ) -> PyResult<bool> {
        if namespace.contains(kit.name("In"))? {
            return Ok(true);
        }
        let Some(file) = namespace.get_item(kit.name("__file__"))? else {
            return Ok(false);
        };
        Ok(file.is_exact_instance_of::<PyString>() && read(scripts, &text(&file)).others)
    }

    /// Whether a name has what `from module import name as key` gave it, and nothing else binds it later.
    pub fn import(&self, module: &str, name: &str, key: &str) -> bool {
        let clause = match name == key {
            true => name.to_owned(),
            false => [name, OTHER, key].concat(),
        };
        // Seldom so, and found out without reading outlines.
        self.texts.iter().any(|text| text.contains(&clause))
            && self.is_from(module, name, key) == Some(true)
    }

    /// The same; `None` where nothing is known that binds the name.
    pub fn is_from(&self, module: &str, name: &str, key: &str) -> Option<bool> {
        for text in self.texts.iter().rev().filter(|t| t.contains(key)) {
            let Ok(outline) = outline::read(text) else {
                continue;
            };
            let writers = outline.index().writers(&outline.body, key);
            let Some(last) = writers.last() else {
                continue;
            };
            let mut imports = outline.body[*last].imports.iter();
            return Some(imports.any(|import| {
                import.bound == key
                    && import.name.as_deref() == Some(name)
                    && resolve(&self.package, import.level, &import.module) == module
            }));
        }
        None
    }

    /// Whether names are known to be imported from a module, and none by a star.
    pub fn one_by_one(&self, module: &str) -> bool {
        let last = module.rsplit('.').next().unwrap_or(module);
        let (mut named, mut all) = (false, false);
        for text in self.texts.iter().filter(|text| text.contains(last)) {
            let Ok(outline) = outline::read(text) else {
                continue;
            };
            for import in outline.body.iter().flat_map(|s| &s.imports) {
                if resolve(&self.package, import.level, &import.module) == module {
                    all |= import.name.as_deref() == Some("*");
                    named |= import.name.is_some();
                }
            }
        }
        named && !all
    }
}

/// The script of this file.
fn read(scripts: &Scripts, file: &str) -> Script {
    if let Some(known) = scripts.lock().get(file) {
        return known.clone();
    }
    let text = text_of(file);
    let others = text.contains(OTHER);
    let script = Script { text, others };
    scripts.lock().insert(file.to_owned(), script.clone());
    script
}

/// The text of a script, if it imports anything.
fn text_of(file: &str) -> Arc<str> {
    let bytes = files::read(Path::new(file)).ok();
    let decoded = bytes.and_then(|(bytes, _)| crate::text::decode_all(bytes).ok());
    let text = decoded.map(|decoded| decoded.source);
    let text = text.filter(|text| text.contains("import"));
    text.unwrap_or_default().into()
}
