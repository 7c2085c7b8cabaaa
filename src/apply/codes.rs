//! Code objects that a program collects: sets of code whose frames a traceback is to hide, profilers'
//! tables. They know functions by their code, and get the new one.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet};

use super::work::Work;

/// Larger containers are data, and nobody's list of functions.
const MOST: usize = 10_000;

impl<'py> Work<'_, 'py> {
    /// Replaced code objects in containers that names of modules and namespaces lead to.
    pub(super) fn collected_codes(&mut self) -> PyResult<()> {
        let pairs = std::mem::take(&mut self.codes);
        if pairs.is_empty() {
            return Ok(());
        }
        let news: HashMap<usize, &Bound<'py, PyAny>> = pairs
            .iter()
            .map(|(old, new)| (old.as_ptr() as usize, new))
            .collect();
        let new_of = |item: &Bound<'py, PyAny>| news.get(&(item.as_ptr() as usize)).copied();
        for place in self.places.clone() {
            for value in place.values().iter() {
                if let Ok(set) = value.cast_exact::<PySet>() {
                    self.codes_in_set(set, &new_of)?;
                } else if let Ok(dict) = value.cast_exact::<PyDict>() {
                    self.codes_in_dict(dict, &new_of)?;
                } else if let Ok(list) = value.cast_exact::<PyList>() {
                    self.codes_in_list(list, &new_of)?;
                }
            }
        }
        Ok(())
    }

    fn codes_in_set<'n>(
        &mut self,
        set: &Bound<'py, PySet>,
        new_of: &dyn Fn(&Bound<'py, PyAny>) -> Option<&'n Bound<'py, PyAny>>,
    ) -> PyResult<()>
    where
        'py: 'n,
    {
        if set.len() > MOST {
            return Ok(());
        }
        let found: Vec<_> = set.iter().filter(|item| new_of(item).is_some()).collect();
        if !found.is_empty() {
            self.tx.container(set.as_any())?;
        }
        for old in found {
            set.discard(&old)?;
            set.add(new_of(&old))?;
        }
        Ok(())
    }

    /// As keys and as values; the order stays.
    fn codes_in_dict<'n>(
        &mut self,
        dict: &Bound<'py, PyDict>,
        new_of: &dyn Fn(&Bound<'py, PyAny>) -> Option<&'n Bound<'py, PyAny>>,
    ) -> PyResult<()>
    where
        'py: 'n,
    {
        if dict.len() > MOST {
            return Ok(());
        }
        let key = dict.iter().any(|(key, _)| new_of(&key).is_some());
        if !key && !dict.iter().any(|(_, item)| new_of(&item).is_some()) {
            return Ok(());
        }
        self.tx.container(dict.as_any())?;
        let items: Vec<_> = dict.iter().collect();
        if key {
            // A key that ran again stands at the end, under its new code: its old place is right.
            dict.clear();
        }
        for (key, item) in items {
            let item = new_of(&item).unwrap_or(&item).clone();
            dict.set_item(new_of(&key).unwrap_or(&key), item)?;
        }
        Ok(())
    }

    fn codes_in_list<'n>(
        &mut self,
        list: &Bound<'py, PyList>,
        new_of: &dyn Fn(&Bound<'py, PyAny>) -> Option<&'n Bound<'py, PyAny>>,
    ) -> PyResult<()>
    where
        'py: 'n,
    {
        if list.len() > MOST || !list.iter().any(|item| new_of(&item).is_some()) {
            return Ok(());
        }
        self.tx.container(list.as_any())?;
        for (at, item) in list.iter().enumerate() {
            if let Some(new) = new_of(&item) {
                list.set_item(at, new)?;
            }
        }
        Ok(())
    }
}
