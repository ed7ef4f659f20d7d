//! The host's side of the ABI, as Envoy behaves, as far as a request needs it.
//!
//! Headers can be read in the phases in which Envoy lets them be read; a value is
//! handed over in memory that the module allocates; an absent one is refused.

use anyhow::Result;
use wasmi::{Caller, Extern, ExternType, Linker, Memory, Module, Val};

use super::envoy::{Envoy, Headers, LocalReply};
use super::queues;

/// `proxy_status_t`.
pub const OK: i32 = 0;
pub const NOT_FOUND: i32 = 1;
pub const BAD_ARGUMENT: i32 = 2;
const CAS_MISMATCH: i32 = 8;
const INTERNAL_FAILURE: i32 = 10;

/// Envoy as a host call sees it, with the module's memory.
pub struct Host<'a>(pub Caller<'a, Envoy>);

impl Host<'_> {
    fn memory(&self) -> Option<Memory> {
        self.0.get_export("memory").and_then(Extern::into_memory)
    }

    pub fn bytes(&self, at: i32, size: i32) -> Vec<u8> {
        let read = || {
            let (at, size) = (usize::try_from(at).ok()?, usize::try_from(size).ok()?);
            self.memory()?.data(&self.0).get(at..at.checked_add(size)?).map(<[u8]>::to_vec)
        };
        read().unwrap_or_default()
    }

    pub fn text(&self, at: i32, size: i32) -> String {
        String::from_utf8_lossy(&self.bytes(at, size)).into_owned()
    }

    pub fn write(&mut self, at: i32, bytes: &[u8]) -> Option<()> {
        self.memory()?.write(&mut self.0, usize::try_from(at).ok()?, bytes).ok()
    }

    /// Hands a value over: has the module allocate room for it, and says where it is.
    fn hand_over(&mut self, value: &[u8], at: i32, size: i32) -> Option<()> {
        self.0.data_mut().trace.allocate();
        let length = i32::try_from(value.len()).ok()?;
        let allocate = self.0.get_export("proxy_on_memory_allocate")?.into_func()?;
        let room = allocate.typed::<i32, i32>(&self.0).ok()?.call(&mut self.0, length).ok()?;
        self.0.data_mut().rooms.push(room);
        self.write(room, value)?;
        self.write(at, &room.to_le_bytes())?;
        self.write(size, &length.to_le_bytes())
    }

    pub fn answer(&mut self, value: Option<Vec<u8>>, at: i32, size: i32) -> i32 {
        match value {
            None => NOT_FOUND,
            Some(value) => self.hand_over(&value, at, size).map_or(INTERNAL_FAILURE, |()| OK),
        }
    }

    pub fn call(&mut self, text: impl Into<String>) {
        self.0.data_mut().trace.call(text);
    }
}

/// A key without the number of its cell: which one a scope has is a matter of hashes.
fn without_place(key: &[u8]) -> String {
    let key = String::from_utf8_lossy(key);
    key.trim_end_matches(|letter: char| letter.is_ascii_digit()).to_owned()
}

/// A header map as the ABI writes it: the number of pairs, the sizes of each name and
/// value, then each of them with a zero byte behind it.
fn written(headers: &Headers) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let sizes = headers.iter().flat_map(|(name, value)| [name.len(), value.len()]);
    let texts = headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_slice()]);
    let mut map = number(headers.len()).to_vec();
    map.extend(sizes.flat_map(number));
    map.extend(texts.flat_map(|text| text.iter().copied().chain([0])));
    map
}

/// Gives the module every import that it asks for.
pub fn link(linker: &mut Linker<Envoy>, module: &Module) -> Result<()> {
    refusals(linker, module)?;
    linker.allow_shadowing(true);
    headers(linker)?;
    values(linker)?;
    shared_data(linker)?;
    queues::link(linker)?;
    metrics(linker)
}

fn headers(linker: &mut Linker<Envoy>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |host: Caller<'_, Envoy>, map: i32, key: i32, length: i32, at: i32, size: i32| {
            let mut host = Host(host);
            let name = host.text(key, length);
            host.call(format!("get_header {name}"));
            let Some(headers) = host.0.data_mut().map(map) else { return BAD_ARGUMENT };
            let found = headers.iter().find(|(known, _)| *known == name);
            let value = found.map(|(_, value)| value.clone());
            host.answer(value, at, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |host: Caller<'_, Envoy>, map: i32, at: i32, size: i32| {
            let mut host = Host(host);
            host.call("get_headers");
            let Some(headers) = host.0.data_mut().map(map) else { return BAD_ARGUMENT };
            let map = written(headers);
            host.answer(Some(map), at, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |host: Caller<'_, Envoy>, map: i32, key: i32, length: i32, value: i32, size: i32| {
            let mut host = Host(host);
            let (name, value) = (host.text(key, length), host.bytes(value, size));
            host.call(format!("set_header {name}"));
            let Some(headers) = host.0.data_mut().map(map) else { return BAD_ARGUMENT };
            headers.retain(|(known, _)| *known != name);
            headers.push((name, value));
            OK
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |host: Caller<'_, Envoy>, map: i32, key: i32, length: i32| {
            let mut host = Host(host);
            let name = host.text(key, length);
            host.call(format!("remove_header {name}"));
            let Some(headers) = host.0.data_mut().map(map) else { return BAD_ARGUMENT };
            headers.retain(|(known, _)| *known != name);
            OK
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |host: Caller<'_, Envoy>,
         status: i32,
         details: i32,
         details_size: i32,
         body: i32,
         body_size: i32,
         _headers: i32,
         _headers_size: i32,
         _grpc_status: i32| {
            let mut host = Host(host);
            host.call("send_local_response");
            let details = host.bytes(details, details_size);
            let body = host.bytes(body, body_size);
            let status = status.cast_unsigned();
            host.0.data_mut().reply = Some(LocalReply { status, details, body });
            OK
        },
    )?;
    Ok(())
}

fn values(linker: &mut Linker<Envoy>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |host: Caller<'_, Envoy>, path: i32, length: i32, at: i32, size: i32| {
            let mut host = Host(host);
            let path = host.text(path, length).replace('\0', ".");
            host.call(format!("get_property {path}"));
            let value = host.0.data().properties.get(path.as_str()).cloned();
            host.answer(value, at, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_property",
        |host: Caller<'_, Envoy>, path: i32, length: i32, _value: i32, _size: i32| {
            let mut host = Host(host);
            let path = host.text(path, length);
            host.call(format!("set_property {path}"));
            OK
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |host: Caller<'_, Envoy>, buffer: i32, start: i32, most: i32, at: i32, size: i32| {
            let mut host = Host(host);
            host.call("get_buffer_bytes");
            let skip = usize::try_from(start).unwrap_or_default();
            // The module may ask for more than an i32 holds: all of it.
            let most = usize::try_from(most.cast_unsigned()).unwrap_or(usize::MAX);
            let Some(bytes) = host.0.data_mut().buffer(buffer) else { return NOT_FOUND };
            let bytes = bytes.iter().skip(skip).take(most).copied().collect();
            host.answer(Some(bytes), at, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |host: Caller<'_, Envoy>, buffer: i32, _: i32, _: i32, at: i32, size: i32| {
            let mut host = Host(host);
            host.call("set_buffer_bytes");
            let bytes = host.bytes(at, size);
            let Some(buffer) = host.0.data_mut().buffer(buffer) else { return BAD_ARGUMENT };
            *buffer = bytes;
            OK
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_current_time_nanoseconds",
        |host: Caller<'_, Envoy>, at: i32| {
            let mut host = Host(host);
            host.call("get_current_time");
            let now = host.0.data().now + host.0.data().wall_ahead;
            host.write(at, &now.to_le_bytes()).map_or(BAD_ARGUMENT, |()| OK)
        },
    )?;
    linker.func_wrap(
        "wasi_snapshot_preview1",
        "clock_time_get",
        |host: Caller<'_, Envoy>, clock: i32, _precision: i64, at: i32| {
            let mut host = Host(host);
            host.call("clock_time_get");
            let now = host.0.data().now;
            let monotonic = clock == 1;
            monotonic.then(|| host.write(at, &now.to_le_bytes())).flatten().map_or(1, |()| 0)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_log",
        |host: Caller<'_, Envoy>, _level: i32, at: i32, size: i32| {
            let mut host = Host(host);
            host.call("log");
            let line = host.text(at, size);
            host.0.data_mut().log.push(line);
            OK
        },
    )?;
    Ok(())
}

fn shared_data(linker: &mut Linker<Envoy>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |host: Caller<'_, Envoy>, key: i32, length: i32, at: i32, size: i32, version: i32| {
            let mut host = Host(host);
            let key = host.bytes(key, length);
            host.call(format!("get_shared_data {}", without_place(&key)));
            let known = host.0.data().shared.get(&key).cloned();
            let (value, number) = known.unzip();
            host.write(version, &number.unwrap_or_default().to_le_bytes());
            host.answer(value, at, size)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |host: Caller<'_, Envoy>, key: i32, length: i32, at: i32, size: i32, version: i32| {
            let mut host = Host(host);
            let (key, value) = (host.bytes(key, length), host.bytes(at, size));
            host.call(format!("set_shared_data {}", without_place(&key)));
            let known = host.0.data().shared.get(&key).map(|(_, version)| *version);
            // Any version creates, as in Envoy.
            if known.is_some_and(|known| version != 0 && known != version.cast_unsigned()) {
                return CAS_MISMATCH;
            }
            host.0.data_mut().shared.insert(key, (value, known.unwrap_or_default() + 1));
            OK
        },
    )?;
    Ok(())
}

fn metrics(linker: &mut Linker<Envoy>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |host: Caller<'_, Envoy>, _kind: i32, name: i32, length: i32, id: i32| {
            let mut host = Host(host);
            host.call("define_metric");
            let name = host.text(name, length);
            let envoy = host.0.data_mut();
            let number = i32::try_from(envoy.metrics.len()).unwrap_or(i32::MAX);
            // The labels stand before it.
            envoy.metrics.push(name.rsplit(";.;").next().unwrap_or(&name).to_owned());
            host.write(id, &number.to_le_bytes()).map_or(BAD_ARGUMENT, |()| OK)
        },
    )?;
    for (import, verb) in
        [("proxy_increment_metric", "increment"), ("proxy_record_metric", "record")]
    {
        linker.func_wrap("env", import, move |host: Caller<'_, Envoy>, id: i32, _: i64| {
            let mut host = Host(host);
            let name = host.0.data().metric(id);
            host.call(format!("{verb} {name}"));
            OK
        })?;
    }
    Ok(())
}

/// What no request here should need: it is counted, and refused.
fn refusals(linker: &mut Linker<Envoy>, module: &Module) -> Result<()> {
    for import in module.imports() {
        let (from, name) = (import.module().to_owned(), import.name().to_owned());
        let ExternType::Func(kind) = import.ty().clone() else { continue };
        let is_random = name == "random_get";
        linker.func_new(&from, import.name(), kind, move |host, arguments, results| {
            let mut host = Host(host);
            host.call(name.trim_start_matches("proxy_"));
            let refusal = if is_random { fill(&mut host, arguments) } else { INTERNAL_FAILURE };
            results.iter_mut().for_each(|result| *result = Val::I32(refusal));
            Ok(())
        })?;
    }
    Ok(())
}

/// Randomness that is the same every time.
fn fill(host: &mut Host<'_>, arguments: &[Val]) -> i32 {
    let [Val::I32(at), Val::I32(size)] = arguments else { return INTERNAL_FAILURE };
    let bytes = vec![7; usize::try_from(*size).unwrap_or_default()];
    host.write(*at, &bytes).map_or(INTERNAL_FAILURE, |()| OK)
}
