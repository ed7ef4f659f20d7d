//! A worker of Envoy: a module in a VM, and requests that pass through it.

use std::path::PathBuf;
use std::{env, fs};

use anyhow::{Context, Result, ensure};
use wasmi::{Engine, Instance, Linker, Module, Store, TypedFunc, WasmParams, WasmResults};

use super::envoy::{Envoy, Headers, LocalReply, Phase};
use super::host::link;
use super::trace::Trace;

/// The root context.
const ROOT: i32 = 1;

/// `proxy_action_t`.
const PAUSE: i32 = 1;

/// A request, and what the application answers to it.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub head: Headers,
    pub body: Vec<u8>,
    /// The response's headers.
    pub answer: Headers,
    pub answer_body: Vec<u8>,
    /// The response's trailers.
    pub trailers: Headers,
}

/// What became of a request.
#[derive(Debug)]
pub struct Served {
    /// What the module answered itself.
    pub reply: Option<LocalReply>,
    /// What the application saw, where it saw the request, or would have.
    pub request: Headers,
    /// What the client got.
    pub response: Headers,
    pub body: Vec<u8>,
    pub trace: Trace,
    /// Where the module had the values put that it was handed.
    pub rooms: Vec<i32>,
}

/// A module that the build makes.
pub struct Built {
    /// Where its path may stand.
    variable: &'static str,
    file: &'static str,
}

/// The filter.
pub const FILTER: Built = Built { variable: "HEARTBEAT_MODULE", file: "heartbeat_filter.wasm" };
/// The hub.
pub const HUB: Built = Built { variable: "HEARTBEAT_HUB_MODULE", file: "heartbeat_hub.wasm" };

/// A worker with a module, configured.
pub struct Worker {
    store: Store<Envoy>,
    instance: Instance,
    streams: i32,
}

/// Headers from their names and values.
pub fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs.iter().map(|(name, value)| ((*name).into(), value.as_bytes().to_vec())).collect()
}

impl Worker {
    /// Loads the built filter and gives it a configuration.
    pub fn start(plugin_config: &str) -> Result<Self> {
        Self::with(&FILTER, plugin_config)
    }

    /// Loads a module and gives it a configuration.
    pub fn with(built: &Built, plugin_config: &str) -> Result<Self> {
        Self::among(built, plugin_config, Envoy { now: 1_000_000_000_000, ..Envoy::default() })
    }

    /// Loads the same module into another VM of the process, a moment later.
    pub fn another(&self, built: &Built, plugin_config: &str) -> Result<Self> {
        let known = self.store.data();
        let (shared, queues) = (known.shared.clone(), known.queues.clone());
        let envoy = Envoy { now: known.now + 1, shared, queues, ..Envoy::default() };
        Self::among(built, plugin_config, envoy)
    }

    fn among(built: &Built, plugin_config: &str, envoy: Envoy) -> Result<Self> {
        let engine = Engine::default();
        let module = Module::new(&engine, built.read()?)?;
        let mut linker = Linker::new(&engine);
        link(&mut linker, &module)?;
        let properties = [
            ("xds.node.cluster", &b"test"[..]),
            ("plugin_name", b"heartbeat"),
            ("plugin_root_id", b"heartbeat"),
            ("xds.cluster_name", b"app"),
            ("xds.route_name", b"default"),
            ("request.protocol", b"HTTP/1.1"),
            ("source.address", b"10.0.0.7:51234"),
        ];
        let envoy = Envoy {
            plugin_config: plugin_config.into(),
            properties: properties.map(|(name, value)| (name, value.to_vec())).into(),
            wall_ahead: 1_699_999_000_000_000_000,
            ..envoy
        };
        let mut store = Store::new(&engine, envoy);
        let instance = linker.instantiate_and_start(&mut store, &module)?;
        let mut worker = Self { store, instance, streams: ROOT };
        worker.call::<_, ()>("_initialize", ())?;
        worker.call::<_, ()>("proxy_on_context_create", (ROOT, 0))?;
        let length = i32::try_from(plugin_config.len())?;
        let taken: i32 = worker.call("proxy_on_configure", (ROOT, length))?;
        ensure!(taken == 1, "configuration refused: {:?}", worker.store.data().log);
        Ok(worker)
    }

    /// Lets time pass.
    pub fn wait(&mut self, nanoseconds: u64) {
        self.store.data_mut().now += nanoseconds;
    }

    /// Sets wall time.
    pub fn set_wall_time(&mut self, nanoseconds: u64) {
        let envoy = self.store.data_mut();
        envoy.wall_ahead = nanoseconds - envoy.now;
    }

    /// What crosses on a tick.
    pub fn tick(&mut self) -> Result<Trace> {
        self.store.data_mut().trace = Trace::default();
        self.call::<_, ()>("proxy_on_tick", ROOT)?;
        Ok(std::mem::take(&mut self.store.data_mut().trace))
    }

    /// Tells of a queue whose name has this in it, where there are messages; what crosses.
    pub fn deliver(&mut self, name: &str) -> Result<Trace> {
        self.store.data_mut().trace = Trace::default();
        let queues = self.store.data().queues.iter();
        let place = queues
            .into_iter()
            .position(|(known, messages)| known.contains(name) && !messages.is_empty());
        let place = i32::try_from(place.with_context(|| format!("nothing in {name}"))?)?;
        self.call::<_, ()>("proxy_on_queue_ready", (ROOT, place + 1))?;
        Ok(std::mem::take(&mut self.store.data_mut().trace))
    }

    /// Begins a request that is held; what crosses.
    pub fn ask(&mut self, request: &Request) -> Result<Trace> {
        let action = self.begin(request)?;
        ensure!(action == PAUSE && self.store.data().reply.is_none(), "it isn't held");
        Ok(std::mem::take(&mut self.store.data_mut().trace))
    }

    /// What the module has answered to a request that it has held.
    pub fn answered(&mut self) -> Option<LocalReply> {
        self.store.data_mut().reply.take()
    }

    /// How much memory the VM has, in bytes.
    pub fn memory(&self) -> Result<usize> {
        let memory = self.instance.get_memory(&self.store, "memory").context("no memory")?;
        Ok(memory.data_size(&self.store))
    }

    fn function<P: WasmParams, R: WasmResults>(&self, name: &str) -> Result<TypedFunc<P, R>> {
        Ok(self.instance.get_typed_func(&self.store, name)?)
    }

    /// Calls into the module, and notes it.
    fn call<P: WasmParams, R: WasmResults>(&mut self, name: &str, parameters: P) -> Result<R> {
        let function = self.function(name)?;
        self.store.data_mut().trace.enter(name);
        function.call(&mut self.store, parameters).with_context(|| name.to_owned())
    }

    /// The same for a callback that not every module has: Envoy passes over one that isn't
    /// there.
    fn call_if_there(&mut self, name: &str, parameters: impl WasmParams) -> Result<()> {
        let Some(function) = self.instance.get_func(&self.store, name) else { return Ok(()) };
        if function.ty(&self.store).results().is_empty() {
            self.call::<_, ()>(name, parameters)
        } else {
            self.call::<_, i32>(name, parameters).map(|_| ())
        }
    }

    /// Lets a request through, in the order in which Envoy calls a filter.
    pub fn serve(&mut self, request: &Request) -> Result<Served> {
        let paused = self.begin(request)? == PAUSE;
        let replied = self.store.data().reply.is_some();
        ensure!(paused == replied, "the request hangs, or goes on although it is answered");
        self.respond(self.streams, request)?;
        self.end(self.streams)
    }

    fn begin(&mut self, request: &Request) -> Result<i32> {
        self.streams += 1;
        let stream = self.streams;
        let envoy = self.store.data_mut();
        envoy.phase = Phase::Request;
        envoy.trace = Trace::default();
        envoy.rooms.clear();
        envoy.reply = None;
        envoy.request.clone_from(&request.head);
        envoy.request_body.clone_from(&request.body);
        envoy.response.clear();
        envoy.trailers.clear();

        self.call::<_, ()>("proxy_on_context_create", (stream, ROOT))?;
        let count = i32::try_from(request.head.len())?;
        let bare = i32::from(request.body.is_empty());
        let mut action: i32 = self.call("proxy_on_request_headers", (stream, count, bare))?;
        // A reply that has been sent leaves no body to wait for.
        if bare == 0 && self.store.data().reply.is_none() {
            let size = i32::try_from(request.body.len())?;
            action = self.call("proxy_on_request_body", (stream, size, 1))?;
        }
        Ok(action)
    }

    fn respond(&mut self, stream: i32, request: &Request) -> Result<()> {
        let envoy = self.store.data_mut();
        envoy.phase = Phase::Response;
        let details = match envoy.reply.clone() {
            Some(reply) => {
                envoy.response = headers(&[(":status", &reply.status.to_string())]);
                envoy.response_body = reply.body;
                reply.details
            }
            None => {
                envoy.response.clone_from(&request.answer);
                envoy.response_body.clone_from(&request.answer_body);
                envoy.trailers.clone_from(&request.trailers);
                b"via_upstream".to_vec()
            }
        };
        envoy.properties.insert("response.code_details", details);
        let count = i32::try_from(envoy.response.len())?;
        let size = i32::try_from(envoy.response_body.len())?;
        let trailers = i32::try_from(envoy.trailers.len())?;
        let (no_trailers, bare) = (i32::from(trailers == 0), i32::from(size == 0));
        let ends = bare & no_trailers;
        self.call_if_there("proxy_on_response_headers", (stream, count, ends))?;
        if size > 0 {
            self.call_if_there("proxy_on_response_body", (stream, size, no_trailers))?;
        }
        if trailers > 0 {
            self.call_if_there("proxy_on_response_trailers", (stream, trailers))?;
        }
        Ok(())
    }

    fn end(&mut self, stream: i32) -> Result<Served> {
        self.store.data_mut().phase = Phase::Over;
        self.call_if_there("proxy_on_log", stream)?;
        self.call::<_, ()>("proxy_on_delete", stream)?;
        let envoy = self.store.data_mut();
        Ok(Served {
            reply: envoy.reply.take(),
            request: envoy.request.clone(),
            response: envoy.response.clone(),
            body: envoy.response_body.clone(),
            trace: std::mem::take(&mut envoy.trace),
            rooms: std::mem::take(&mut envoy.rooms),
        })
    }
}

impl Built {
    fn read(&self) -> Result<Vec<u8>> {
        let dist = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../dist"));
        let path = env::var_os(self.variable).map_or_else(|| dist.join(self.file), PathBuf::from);
        fs::read(&path).with_context(|| format!("{}: run `make build`", path.display()))
    }
}
