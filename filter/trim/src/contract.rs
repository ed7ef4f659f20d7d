//! The module's contract with its host: the one list of what goes out, what
//! comes in and how big it may get. The build applies it, the tests hold it.

use std::fmt;

use walrus::Module;

/// Everything the module exports. A callback that isn't here never runs:
/// whoever implements a new one adds its line.
pub const EXPORTS: &[&str] = &[
    // What the host needs to run any module.
    "memory",
    "_initialize",
    "proxy_abi_version_0_2_1",
    "proxy_on_memory_allocate",
    // The life of a context. Create alone tells whose a stream is, and delete that
    // a configuration is over.
    "proxy_on_context_create",
    "proxy_on_configure",
    "proxy_on_log",
    "proxy_on_delete",
    // The way of a request.
    "proxy_on_request_headers",
    "proxy_on_request_body",
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    "proxy_on_response_body",
    "proxy_on_response_trailers",
    // Wakes who waits, and asks in the background.
    "proxy_on_tick",
    "proxy_on_http_call_response",
    "proxy_on_grpc_receive",
    "proxy_on_grpc_close",
];

/// Every function the filter means to call, by module and name. An import that
/// the host lacks keeps the whole module from loading, so a new one is added
/// only after looking at which Envoy version brought it.
pub const IMPORTS: &[(&str, &str)] = &[
    // Proxy-Wasm ABI 0.2.1, in every Envoy with Wasm support.
    ("env", "proxy_log"),
    ("env", "proxy_get_header_map_value"),
    ("env", "proxy_get_header_map_pairs"),
    ("env", "proxy_replace_header_map_value"),
    ("env", "proxy_add_header_map_value"),
    ("env", "proxy_remove_header_map_value"),
    ("env", "proxy_get_property"),
    ("env", "proxy_get_buffer_bytes"),
    ("env", "proxy_send_local_response"),
    ("env", "proxy_define_metric"),
    ("env", "proxy_increment_metric"),
    ("env", "proxy_record_metric"),
    ("env", "proxy_get_current_time_nanoseconds"),
    ("env", "proxy_get_shared_data"),
    ("env", "proxy_set_shared_data"),
    ("env", "proxy_set_buffer_bytes"),
    ("env", "proxy_set_tick_period_milliseconds"),
    ("env", "proxy_set_effective_context"),
    ("env", "proxy_continue_stream"),
    ("env", "proxy_close_stream"),
    ("env", "proxy_set_property"),
    ("env", "proxy_call_foreign_function"),
    ("env", "proxy_http_call"),
    ("env", "proxy_grpc_stream"),
    ("env", "proxy_grpc_send"),
    ("env", "proxy_grpc_close"),
    ("env", "proxy_grpc_cancel"),
    ("env", "proxy_get_status"),
    // What Rust's std takes from WASI. Envoy has no clock_res_get before 1.39.
    ("wasi_snapshot_preview1", "fd_write"),
    ("wasi_snapshot_preview1", "environ_get"),
    ("wasi_snapshot_preview1", "environ_sizes_get"),
    ("wasi_snapshot_preview1", "proc_exit"),
    ("wasi_snapshot_preview1", "random_get"),
    ("wasi_snapshot_preview1", "clock_time_get"),
];

/// The most bytes the module may have; the aim is 350 KiB. Every proxy fetches
/// it and every worker compiles it.
pub const MAX_BYTES: usize = 448 * 1024;

/// One way in which a module breaks the contract. Its text names the item and
/// the mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The bytes are no WebAssembly module.
    Unreadable(String),
    /// The module is larger than [`MAX_BYTES`].
    TooLarge(usize),
    /// A name of [`EXPORTS`] is not exported.
    MissingExport(String),
    /// Something is exported that [`EXPORTS`] doesn't name.
    UnwantedExport(String),
    /// Something is imported that [`IMPORTS`] doesn't name.
    ForbiddenImport(String, String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => {
                write!(f, "not a WebAssembly module ({why}); run `make build`")
            }
            Self::TooLarge(bytes) => write!(
                f,
                "{bytes} bytes are over the limit of {MAX_BYTES}; see what grew with \
                 `heartbeat-trim --keep-names` and twiggy"
            ),
            Self::MissingExport(name) => write!(
                f,
                "export `{name}` is missing; make the filter export it, or take it out of \
                 EXPORTS in filter/trim/src/contract.rs"
            ),
            Self::UnwantedExport(name) => write!(
                f,
                "export `{name}` is not wanted; run the module through heartbeat-trim, or add \
                 it to EXPORTS in filter/trim/src/contract.rs"
            ),
            Self::ForbiddenImport(module, name) => write!(
                f,
                "import `{module}.{name}` is not allowed; find the call that brings it in, or \
                 add it to IMPORTS in filter/trim/src/contract.rs if every supported Envoy \
                 has it"
            ),
        }
    }
}

/// Every way in which `wasm` breaks the contract; empty when it holds.
#[must_use]
pub fn check(wasm: &[u8]) -> Vec<Violation> {
    let module = match Module::from_buffer(wasm) {
        Ok(module) => module,
        Err(error) => return vec![Violation::Unreadable(error.to_string())],
    };
    let mut violations = Vec::new();

    if wasm.len() > MAX_BYTES {
        violations.push(Violation::TooLarge(wasm.len()));
    }
    for wanted in EXPORTS {
        if !module.exports.iter().any(|export| export.name == *wanted) {
            violations.push(Violation::MissingExport((*wanted).to_owned()));
        }
    }
    for export in module.exports.iter() {
        if !EXPORTS.contains(&export.name.as_str()) {
            violations.push(Violation::UnwantedExport(export.name.clone()));
        }
    }
    for import in module.imports.iter() {
        let (module, name) = (import.module.as_str(), import.name.as_str());
        if !IMPORTS.contains(&(module, name)) {
            violations.push(Violation::ForbiddenImport(module.to_owned(), name.to_owned()));
        }
    }
    violations
}

/// One line for people: `142.3 KiB (limit 448 KiB), 12 exports, 14 imports`.
pub fn describe(wasm: &[u8]) -> anyhow::Result<String> {
    let module = Module::from_buffer(wasm)?;
    let tenths = wasm.len() * 10 / 1024;
    Ok(format!(
        "{}.{} KiB (limit {} KiB), {} exports, {} imports",
        tenths / 10,
        tenths % 10,
        MAX_BYTES / 1024,
        module.exports.iter().count(),
        module.imports.iter().count(),
    ))
}
