//! What the build does to a module after the compiler, and what it must then be.

#![forbid(unsafe_code)]

pub mod contract;
mod merge;

use anyhow::{Context, Result, bail};
use contract::{Contract, Violation};
use merge::merge_functions;
use walrus::{Module, ModuleConfig};

/// Returns the module without the exports that its contract doesn't name, what only they
/// reached, and the custom sections, and with each function once.
///
/// Envoy crosses into the VM for each callback that it finds: an export less is time
/// saved on every request.
pub fn trim(wasm: &[u8], contract: &Contract, keep_names: bool) -> Result<Vec<u8>> {
    let mut config = ModuleConfig::new();
    config.generate_name_section(keep_names).generate_producers_section(false);
    let mut module = config.parse(wasm).context("the input is not a WebAssembly module")?;

    keep_exports(&mut module, contract)?;
    drop_custom_sections(&mut module);
    walrus::passes::gc::run(&mut module);
    merge_functions(module.emit_wasm(), &config)
}

fn keep_exports(module: &mut Module, contract: &Contract) -> Result<()> {
    for wanted in contract.exports() {
        if !module.exports.iter().any(|export| export.name == wanted) {
            bail!(Violation::MissingExport(wanted.to_owned()));
        }
    }
    let unwanted: Vec<_> = module
        .exports
        .iter()
        .filter(|export| !contract.exports().any(|wanted| export.name == wanted))
        .map(walrus::Export::id)
        .collect();
    for id in unwanted {
        module.exports.delete(id);
    }
    Ok(())
}

/// Walrus writes `name` and `producers` itself; this drops the rest
/// (`target_features`, debug leftovers).
fn drop_custom_sections(module: &mut Module) {
    let sections: Vec<_> = module.customs.iter().map(|(id, _)| id).collect();
    for id in sections {
        module.customs.delete(id);
    }
}
