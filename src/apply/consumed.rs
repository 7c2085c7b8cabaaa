//! Entries of a class body that are used up when the class is made, by code that nobody edits: the
//! metaclass of `ctypes.Structure`, `string.Template.__init_subclass__`.

use std::collections::BTreeSet;

use pyo3::prelude::*;

use super::kit::{mro, text};
use super::members::{Body, Edit};
use super::module::Run;
use crate::outline::{Kind, Statement};

/// What a class says to `ctypes`, in its own body or through its bases.
const CTYPES: [&str; 9] = [
    "_align_",
    "_anonymous_",
    "_argtypes_",
    "_fields_",
    "_flags_",
    "_length_",
    "_pack_",
    "_restype_",
    "_type_",
];

/// Whether instances of a class are blocks of memory that `ctypes` lays out.
pub(super) fn of_ctypes(class: &Bound<'_, PyAny>) -> bool {
    let meta = class.get_type();
    if meta.is(class.py().get_type::<pyo3::types::PyType>()) {
        return false;
    }
    mro(meta.as_any()).iter().any(|kind| {
        let module = kind.getattr("__module__");
        module.is_ok_and(|module| text(&module) == "_ctypes")
    })
}

/// Whether two makings of such a class say other things of its layout.
pub(super) fn laid_out_otherwise<'py>(
    old: &Bound<'py, PyAny>,
    new: &Bound<'py, PyAny>,
) -> PyResult<bool> {
    if !of_ctypes(old) || !of_ctypes(new) {
        return Ok(false);
    }
    let (had, has) = (old.getattr("__dict__")?, new.getattr("__dict__")?);
    for name in CTYPES {
        let differs = match (had.get_item(name), has.get_item(name)) {
            (Ok(was), Ok(is)) => !was.eq(is)?,
            (Err(_), Err(_)) => false,
            _ => true,
        };
        if differs {
            return Ok(true);
        }
    }
    Ok(false)
}

impl<'a, 'py> Run<'_, '_, 'a, 'py> {
    /// Whether what differs in a class body is.
    pub(super) fn consumed(&self, body: &Body<'_, 'a, 'py>, edit: &Edit<'a>) -> PyResult<bool> {
        let kit = self.work.kit;
        let kind = kit.object.get_type();
        let meta = body.class.get_type();
        let by_meta = !meta.is(&kind) && in_c(&meta, &kind)?;
        let mut makers = Vec::new();
        for base in mro(body.class).iter().skip(1) {
            if !base.is(&*kit.object)
                && let Some(maker) = kit.class_entry(&base, "__init_subclass__")?
            {
                makers.push((base, maker));
            }
        }
        if !by_meta && makers.is_empty() {
            return Ok(false);
        }
        let (data, functions) = differing(body, edit);
        if by_meta {
            return Ok(match of_ctypes(body.class) {
                true => data.iter().any(|name| CTYPES.contains(&name.as_str())),
                false => !data.is_empty(),
            });
        }
        let consumes = self.registry_helper("consumes")?;
        for (owner, maker) in makers {
            let maker = maker.getattr("__func__").unwrap_or(maker);
            let asked = (owner, &maker, &data, &functions);
            if kit.is_function(&maker) && consumes.call1(asked)?.is_truthy()? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a metaclass makes classes by code of its own that is written in C.
fn in_c(meta: &Bound<'_, PyAny>, kind: &Bound<'_, PyAny>) -> PyResult<bool> {
    for maker in ["__new__", "__init__"] {
        let own = meta.getattr(maker)?;
        if !own.is(&kind.getattr(maker)?) && !own.hasattr("__code__")? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The names that differ in a class body: of data, and of functions and classes.
fn differing<'a>(
    body: &Body<'_, 'a, '_>,
    edit: &Edit<'a>,
) -> (BTreeSet<&'a String>, BTreeSet<&'a String>) {
    let (mut data, mut functions) = (BTreeSet::new(), BTreeSet::new());
    let mut add = |member: &'a Statement| match member.kind {
        Kind::Function | Kind::Class => functions.extend(&member.uses.binds),
        _ => data.extend(&member.uses.binds),
    };
    let new: &'a Statement = body.new;
    for &at in &edit.again {
        add(&new.body[at]);
        if let Some((was, _)) = body.partner(at) {
            add(was);
        }
    }
    let old: &'a Statement = body.old;
    let gone = |member: &&Statement| member.uses.binds.iter().any(|n| edit.gone.contains(&n));
    old.body.iter().filter(gone).for_each(add);
    (data, functions)
}
