//! Which function inside of an edited one is which, where several have one name: lambdas. See twins.py.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::function::nested;
use super::helpers::load;
use super::kit::{Kit, Word, text};

/// The code of functions inside of old code, with what stands in its place in the new code.
pub fn twins<'py>(
    kit: &Kit<'py>,
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
    let olds = nested(kit, old)?;
    if olds.is_empty() {
        return Ok(Vec::new());
    }
    let name = |code: &Bound<'py, PyAny>| -> PyResult<String> {
        Ok(text(&code.getattr(kit.word(Word::CodeName))?))
    };
    let mut named: BTreeMap<String, (Vec<_>, Vec<_>)> = BTreeMap::new();
    for code in olds {
        named.entry(name(&code)?).or_default().0.push(code);
    }
    for code in nested(kit, new)? {
        if let Some((_, news)) = named.get_mut(&name(&code)?) {
            news.push(code);
        }
    }
    let mut out = Vec::new();
    for (olds, news) in named.into_values() {
        let all_same = || -> PyResult<bool> {
            for (a, b) in olds.iter().zip(&news) {
                if !a.eq(b)? {
                    return Ok(false);
                }
            }
            Ok(olds.len() == news.len())
        };
        if olds.len() < 2 && news.len() < 2 || all_same()? {
            out.extend(olds.into_iter().zip(news));
            continue;
        }
        static COMPILED: OnceLock<Vec<u8>> = OnceLock::new();
        let texts = [("pyreload/twins.py", include_str!("twins.py"))];
        let pair = load(kit, &kit.twins, &COMPILED, &texts)?.get_item("pair")?;
        let (was, is) = (PyList::new(kit.py, &olds)?, PyList::new(kit.py, &news)?);
        let found = pair.call1((old, new, was, is));
        let found: Vec<Option<usize>> = match found.and_then(|found| found.extract()) {
            Ok(found) => found,
            Err(error) => {
                log::debug!("functions inside cannot be told apart: {error}");
                let all = olds.len() == news.len();
                (0..olds.len()).map(|at| all.then_some(at)).collect()
            }
        };
        let found = olds.into_iter().zip(found);
        out.extend(found.filter_map(|(code, at)| Some((code, news.get(at?)?.clone()))));
    }
    Ok(out)
}
