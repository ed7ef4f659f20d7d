//! Each built module keeps its contract, and the check that says so finds every breach.

#![allow(clippy::panic, clippy::unwrap_used)] // Its functions are those of tests, too.

use std::path::PathBuf;
use std::{env, fs};

use heartbeat_trim::contract::{Contract, FILTER, HUB, Violation};
use heartbeat_trim::trim;
use walrus::{FunctionBuilder, FunctionId, Module, RawCustomSection, ValType};

#[test]
fn the_built_filter_keeps_its_contract() {
    keeps(&FILTER, "HEARTBEAT_MODULE", "heartbeat_filter.wasm");
}

#[test]
fn the_built_hub_keeps_its_contract() {
    keeps(&HUB, "HEARTBEAT_HUB_MODULE", "heartbeat_hub.wasm");
}

fn keeps(contract: &Contract, variable: &str, file: &str) {
    let dist = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../dist"));
    let path = env::var_os(variable).map_or_else(|| dist.join(file), PathBuf::from);
    let wasm = fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `make build`", path.display()));

    let violations: Vec<_> = contract.check(&wasm).iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{}:\n{}", path.display(), violations.join("\n"));
}

#[test]
fn neither_module_passes_for_the_other() {
    for (one, other) in [(&FILTER, &HUB), (&HUB, &FILTER)] {
        let violations = other.check(&lawful(one).emit_wasm());
        let missing = violations.iter().any(|it| matches!(it, Violation::MissingExport(_)));
        let forbidden = violations.iter().any(|it| matches!(it, Violation::ForbiddenImport(..)));
        assert!(missing && forbidden, "{violations:?}");
    }
}

#[test]
fn a_module_that_keeps_the_contract_passes() {
    for contract in [&FILTER, &HUB] {
        assert_eq!(contract.check(&lawful(contract).emit_wasm()), []);
    }
}

#[test]
fn bytes_that_are_no_module_are_reported() {
    assert!(matches!(FILTER.check(b"hello").as_slice(), [Violation::Unreadable(_)]));
}

#[test]
fn a_large_module_is_reported() {
    let mut module = lawful(&FILTER);
    module
        .customs
        .add(RawCustomSection { name: "ballast".into(), data: vec![0; FILTER.max_bytes] });
    let wasm = module.emit_wasm();
    assert_eq!(FILTER.check(&wasm), [Violation::TooLarge(wasm.len(), FILTER.max_bytes)]);
}

#[test]
fn each_missing_export_is_reported() {
    for name in FILTER.exports() {
        let mut module = lawful(&FILTER);
        module.exports.remove(name).unwrap();
        let missing = Violation::MissingExport(name.into());
        assert_eq!(FILTER.check(&module.emit_wasm()), [missing]);
    }
}

#[test]
fn an_unwanted_export_is_reported() {
    let mut module = lawful(&FILTER);
    let function = empty_function(&mut module);
    module.exports.add("proxy_on_unheard_of", function);
    let unwanted = Violation::UnwantedExport("proxy_on_unheard_of".into());
    assert_eq!(FILTER.check(&module.emit_wasm()), [unwanted]);
}

#[test]
fn a_forbidden_import_is_reported_by_module_and_name() {
    for (from, name) in [
        ("wasi_snapshot_preview1", "clock_res_get"),
        ("wasi_snapshot_preview1", "proxy_log"),
        ("wasi_snapshot_preview1", "proxy_done"),
        ("env", "fd_write"),
    ] {
        let mut module = lawful(&FILTER);
        import(&mut module, from, name);
        let forbidden = Violation::ForbiddenImport(from.into(), name.into());
        assert_eq!(FILTER.check(&module.emit_wasm()), [forbidden]);
    }
}

#[test]
fn every_violation_is_found_in_one_go() {
    let mut module = lawful(&FILTER);
    module.exports.remove("memory").unwrap();
    let function = empty_function(&mut module);
    module.exports.add("extra", function);
    import(&mut module, "env", "proxy_unheard_of");
    assert_eq!(FILTER.check(&module.emit_wasm()).len(), 3);
}

#[test]
fn every_violation_names_its_item_and_the_mend() {
    let text = Violation::MissingExport("proxy_on_log".into()).to_string();
    assert!(text.contains("`proxy_on_log`") && text.contains("contract.rs"), "{text}");
    let text = Violation::ForbiddenImport("env".into(), "x".into()).to_string();
    assert!(text.contains("`env.x`") && text.contains("contract.rs"), "{text}");
}

#[test]
fn trimming_drops_other_exports_and_what_only_they_reached() {
    let mut module = lawful(&FILTER);
    let only_for_it = import(&mut module, "env", "proxy_unheard_of");
    let callback = function_calling(&mut module, only_for_it);
    module.exports.add("proxy_on_unheard_of", callback);

    let trimmed = trim(&module.emit_wasm(), &FILTER, false).unwrap();
    assert_eq!(FILTER.check(&trimmed), []);
}

#[test]
fn trimming_refuses_a_module_without_a_needed_export() {
    let mut module = lawful(&FILTER);
    module.exports.remove("proxy_on_log").unwrap();
    let error = trim(&module.emit_wasm(), &FILTER, false).unwrap_err().to_string();
    assert!(error.contains("`proxy_on_log`"), "{error}");
}

#[test]
fn trimming_drops_custom_sections_and_keeps_names_on_request() {
    let mut module = lawful(&FILTER);
    module.name = Some("a_name_to_look_for".into());
    module.customs.add(RawCustomSection { name: "target_features".into(), data: vec![1] });
    let wasm = module.emit_wasm();

    let bare = trim(&wasm, &FILTER, false).unwrap();
    assert!(!holds(&bare, "target_features") && !holds(&bare, "a_name_to_look_for"));
    let named = trim(&wasm, &FILTER, true).unwrap();
    assert!(!holds(&named, "target_features") && holds(&named, "a_name_to_look_for"));
}

#[test]
fn functions_that_are_the_same_stand_there_once_and_so_do_those_that_call_them() {
    let mut module = lawful(&FILTER);
    let log = module.imports.get_func("env", "proxy_log").unwrap();
    for name in ["proxy_on_log", "proxy_on_delete"] {
        let twin = function_calling(&mut module, log);
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        builder.func_body().call(twin).call(twin);
        let caller = builder.finish(vec![], &mut module.funcs);
        module.exports.remove(name).unwrap();
        module.exports.add(name, caller);
    }
    let trimmed = trim(&module.emit_wasm(), &FILTER, false).unwrap();
    assert_eq!(FILTER.check(&trimmed), []);
    let module = Module::from_buffer(&trimmed).unwrap();
    // The twin, its caller, and the one that does nothing.
    assert_eq!(module.funcs.iter_local().count(), 3);
    let of = |name| module.exports.get_func(name).unwrap();
    assert_eq!(of("proxy_on_log"), of("proxy_on_delete"));
    assert_ne!(of("proxy_on_log"), of("proxy_on_tick"));
    assert!(module.imports.get_func("env", "proxy_log").is_ok());
}

/// A tiny module with every export and every import that the contract knows.
fn lawful(contract: &Contract) -> Module {
    let mut module = Module::default();
    for (from, name) in contract.imports() {
        import(&mut module, from, name);
    }
    for name in contract.exports() {
        if name == "memory" {
            let memory = module.memories.add_local(false, false, 1, None, None);
            module.exports.add(name, memory);
        } else {
            let function = empty_function(&mut module);
            module.exports.add(name, function);
        }
    }
    module
}

fn import(module: &mut Module, from: &str, name: &str) -> FunctionId {
    let signature = module.types.add(&[ValType::I32], &[]);
    module.add_import_func(from, name, signature).0
}

fn empty_function(module: &mut Module) -> FunctionId {
    FunctionBuilder::new(&mut module.types, &[], &[]).finish(vec![], &mut module.funcs)
}

fn function_calling(module: &mut Module, callee: FunctionId) -> FunctionId {
    let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
    builder.func_body().i32_const(0).call(callee);
    builder.finish(vec![], &mut module.funcs)
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
