//! Merges functions that are the same.
//!
//! A generic function that several crates have instantiated, or several types alike, comes out
//! of the compiler once for each. Nothing in a module depends on which of them is called, so one
//! stands for all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use walrus::ir::{VisitorMut, dfs_pre_order_mut};
use walrus::{ElementItems, ExportItem, FunctionId, Module, ModuleConfig};

/// Merges them until none is left: those that call different ones of the same are the same
/// themselves then.
pub fn merge_functions(mut wasm: Vec<u8>, config: &ModuleConfig) -> Result<Vec<u8>> {
    loop {
        let same = twins(&wasm).context("what was written can't be read")?;
        if same.is_empty() {
            return Ok(wasm);
        }
        wasm = replace(&wasm, &same, config)?;
    }
}

/// Has the first of the same called in the place of each other.
fn replace(wasm: &[u8], same: &[(u32, u32)], config: &ModuleConfig) -> Result<Vec<u8>> {
    let ids = Arc::new(Mutex::new(HashMap::new()));
    let (found, pairs) = (Arc::clone(&ids), same.to_vec());
    let mut config = config.clone();
    config.on_parse(move |_, indices| {
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        for (other, first) in &pairs {
            found.insert(indices.get_func(*other)?, indices.get_func(*first)?);
        }
        Ok(())
    });
    let mut module = config.parse(wasm).context("what was written can't be read")?;
    let ids = std::mem::take(&mut *ids.lock().unwrap_or_else(PoisonError::into_inner));
    redirect(&mut module, Redirect(ids));
    walrus::passes::gc::run(&mut module);
    Ok(module.emit_wasm())
}

/// Functions, and those that stand for them.
struct Redirect(HashMap<FunctionId, FunctionId>);

impl Redirect {
    fn apply(&self, id: &mut FunctionId) {
        if let Some(first) = self.0.get(id) {
            *id = *first;
        }
    }
}

impl VisitorMut for Redirect {
    fn visit_function_id_mut(&mut self, function: &mut FunctionId) {
        self.apply(function);
    }
}

fn redirect(module: &mut Module, mut to: Redirect) {
    for (_, function) in module.funcs.iter_local_mut() {
        let entry = function.entry_block();
        dfs_pre_order_mut(&mut to, function, entry);
    }
    for element in module.elements.iter_mut() {
        if let ElementItems::Functions(functions) = &mut element.items {
            functions.iter_mut().for_each(|function| to.apply(function));
        }
    }
    for export in module.exports.iter_mut() {
        if let ExportItem::Function(function) = &mut export.item {
            to.apply(function);
        }
    }
}

/// The functions of a module that are the same as an earlier one, by their numbers; `None`
/// where it can't be read.
fn twins(wasm: &[u8]) -> Option<Vec<(u32, u32)>> {
    let (mut imported, mut types, mut bodies) = (0, Vec::new(), Vec::new());
    let mut reader = Reader(wasm.get(8..).unwrap_or_default());
    while let Some((section, content)) = reader.section() {
        let mut content = Reader(content);
        match section {
            // With imports of another kind the numbers would be others.
            2 => imported = content.imported_functions()?,
            3 => types = content.numbers()?,
            10 => bodies = content.bodies()?,
            _ => {}
        }
    }
    let mut first = HashMap::new();
    let functions = types.into_iter().zip(bodies).zip(imported..);
    let twin = |(function, number)| {
        let known = *first.entry(function).or_insert(number);
        (known != number).then_some((number, known))
    };
    Some(functions.filter_map(twin).collect())
}

/// Reads a module as far as functions stand in it, and nothing where it isn't as it should be.
/// <https://webassembly.github.io/spec/core/binary/modules.html>
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// An unsigned LEB128 number.
    fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// Bytes behind their length.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn section(&mut self) -> Option<(u8, &'a [u8])> {
        Some((self.byte()?, self.bytes()?))
    }

    fn numbers(&mut self) -> Option<Vec<u32>> {
        (0..self.number()?).map(|_| self.number()).collect()
    }

    fn bodies(&mut self) -> Option<Vec<&'a [u8]>> {
        (0..self.number()?).map(|_| self.bytes()).collect()
    }

    /// How many imports there are, all of which are functions.
    fn imported_functions(&mut self) -> Option<u32> {
        let count = self.number()?;
        for _ in 0..count {
            self.bytes()?;
            self.bytes()?;
            if self.byte()? != 0 {
                return None;
            }
            self.number()?;
        }
        Some(count)
    }
}
