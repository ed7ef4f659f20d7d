//! The modules' contracts with their host: the one list of what goes out, what
//! comes in and how big each may get. The build applies them, the tests hold them.

use std::fmt;

use walrus::Module;

/// A function that is imported: the module of the host that has it, and its name.
pub type Import = (&'static str, &'static str);

/// What one module must be.
#[derive(Debug)]
pub struct Contract {
    /// The word for it on the command line.
    pub name: &'static str,
    exports: [&'static [&'static str]; 2],
    imports: [&'static [Import]; 2],
    /// The most bytes it may have: whoever runs it fetches it, and every worker compiles it.
    pub max_bytes: usize,
}

/// The filter; the aim is 350 KiB.
pub const FILTER: Contract = Contract {
    name: "filter",
    exports: [&EXPORTS, &FILTER_EXPORTS],
    imports: [&IMPORTS, &FILTER_IMPORTS],
    max_bytes: 440 * 1024,
};

/// The hub; the aim is 300 KiB.
pub const HUB: Contract = Contract {
    name: "hub",
    exports: [&EXPORTS, &HUB_EXPORTS],
    imports: [&IMPORTS, &HUB_IMPORTS],
    max_bytes: 400 * 1024,
};

impl Contract {
    /// That of the module with this name.
    #[must_use]
    pub fn of(name: &str) -> Option<&'static Self> {
        [&FILTER, &HUB].into_iter().find(|contract| contract.name == name)
    }

    /// Everything the module exports. A callback that isn't there never runs:
    /// whoever implements a new one adds its line.
    pub fn exports(&self) -> impl Iterator<Item = &'static str> {
        self.exports.into_iter().flatten().copied()
    }

    /// Every function the module may call. An import that the host lacks keeps the whole
    /// module from loading, so a new one is added only after looking at which Envoy version
    /// brought it.
    pub fn imports(&self) -> impl Iterator<Item = Import> {
        self.imports.into_iter().flatten().copied()
    }
}

/// What both modules export.
const EXPORTS: [&str; 14] = [
    // What the host needs to run any module.
    "memory",
    "_initialize",
    "proxy_abi_version_0_2_1",
    "proxy_on_memory_allocate",
    // The life of a context. Create alone tells whose a stream is, and delete that
    // a configuration is over.
    "proxy_on_context_create",
    "proxy_on_configure",
    "proxy_on_delete",
    // The way of a request.
    "proxy_on_request_headers",
    "proxy_on_request_body",
    "proxy_on_request_trailers",
    // Wakes who waits, and asks in the background.
    "proxy_on_tick",
    "proxy_on_http_call_response",
    "proxy_on_grpc_receive",
    "proxy_on_grpc_close",
];

/// The filter sees the response of the application, too, and counts what is over.
const FILTER_EXPORTS: [&str; 4] = [
    "proxy_on_response_headers",
    "proxy_on_response_body",
    "proxy_on_response_trailers",
    "proxy_on_log",
];

/// Calls a VM of the hub for messages of others.
const HUB_EXPORTS: [&str; 1] = ["proxy_on_queue_ready"];

/// What both modules may call.
const IMPORTS: [Import; 28] = [
    // Proxy-Wasm ABI 0.2.1, in every Envoy with Wasm support.
    ("env", "proxy_log"),
    ("env", "proxy_get_header_map_value"),
    ("env", "proxy_get_header_map_pairs"),
    ("env", "proxy_get_property"),
    ("env", "proxy_get_buffer_bytes"),
    ("env", "proxy_set_buffer_bytes"),
    ("env", "proxy_send_local_response"),
    ("env", "proxy_define_metric"),
    ("env", "proxy_increment_metric"),
    ("env", "proxy_record_metric"),
    ("env", "proxy_get_current_time_nanoseconds"),
    ("env", "proxy_get_shared_data"),
    ("env", "proxy_set_shared_data"),
    ("env", "proxy_set_tick_period_milliseconds"),
    ("env", "proxy_set_effective_context"),
    ("env", "proxy_close_stream"),
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

/// The filter changes what passes, lets it go on, and shows what it has counted.
const FILTER_IMPORTS: [Import; 7] = [
    ("env", "proxy_replace_header_map_value"),
    ("env", "proxy_add_header_map_value"),
    ("env", "proxy_remove_header_map_value"),
    ("env", "proxy_continue_stream"),
    ("env", "proxy_set_property"),
    ("env", "proxy_get_metric"),
    ("env", "proxy_call_foreign_function"),
];

/// The VMs of the hub hand messages to each other: ABI 0.2.1 as well.
const HUB_IMPORTS: [Import; 4] = [
    ("env", "proxy_register_shared_queue"),
    ("env", "proxy_resolve_shared_queue"),
    ("env", "proxy_enqueue_shared_queue"),
    ("env", "proxy_dequeue_shared_queue"),
];

/// One way in which a module breaks the contract. Its text names the item and
/// the mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// The bytes are no WebAssembly module.
    Unreadable(String),
    /// The module has so many bytes, more than this limit.
    TooLarge(usize, usize),
    /// An export of the contract is not there.
    MissingExport(String),
    /// Something is exported that the contract doesn't name.
    UnwantedExport(String),
    /// Something is imported that the contract doesn't name.
    ForbiddenImport(String, String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => {
                write!(f, "not a WebAssembly module ({why}); run `make build`")
            }
            Self::TooLarge(bytes, limit) => write!(
                f,
                "{bytes} bytes are over the limit of {limit}; see what grew with \
                 `heartbeat-trim --keep-names` and twiggy"
            ),
            Self::MissingExport(name) => write!(
                f,
                "export `{name}` is missing; make the module export it, or take it out of \
                 its exports in filter/trim/src/contract.rs"
            ),
            Self::UnwantedExport(name) => write!(
                f,
                "export `{name}` is not wanted; run the module through heartbeat-trim, or add \
                 it to its exports in filter/trim/src/contract.rs"
            ),
            Self::ForbiddenImport(module, name) => write!(
                f,
                "import `{module}.{name}` is not allowed; find the call that brings it in, or \
                 add it to its imports in filter/trim/src/contract.rs if every supported Envoy \
                 has it"
            ),
        }
    }
}

impl Contract {
    /// Every way in which `wasm` breaks the contract; empty when it holds.
    #[must_use]
    pub fn check(&self, wasm: &[u8]) -> Vec<Violation> {
        let module = match Module::from_buffer(wasm) {
            Ok(module) => module,
            Err(error) => return vec![Violation::Unreadable(error.to_string())],
        };
        let mut violations = Vec::new();

        if wasm.len() > self.max_bytes {
            violations.push(Violation::TooLarge(wasm.len(), self.max_bytes));
        }
        for wanted in self.exports() {
            if !module.exports.iter().any(|export| export.name == wanted) {
                violations.push(Violation::MissingExport(wanted.to_owned()));
            }
        }
        for export in module.exports.iter() {
            if !self.exports().any(|wanted| export.name == wanted) {
                violations.push(Violation::UnwantedExport(export.name.clone()));
            }
        }
        for import in module.imports.iter() {
            let (module, name) = (import.module.as_str(), import.name.as_str());
            if !self.imports().any(|allowed| allowed == (module, name)) {
                violations.push(Violation::ForbiddenImport(module.to_owned(), name.to_owned()));
            }
        }
        violations
    }

    /// One line for people: `142.3 KiB (limit 448 KiB), 12 exports, 14 imports`.
    pub fn describe(&self, wasm: &[u8]) -> anyhow::Result<String> {
        let module = Module::from_buffer(wasm)?;
        let tenths = wasm.len() * 10 / 1024;
        Ok(format!(
            "{}.{} KiB (limit {} KiB), {} exports, {} imports",
            tenths / 10,
            tenths % 10,
            self.max_bytes / 1024,
            module.exports.iter().count(),
            module.imports.iter().count(),
        ))
    }
}
