//! Shared queues, and what else the work of a hub needs beside its requests.

use anyhow::Result;
use wasmi::{Caller, Linker};

use super::envoy::Envoy;
use super::host::{BAD_ARGUMENT, Host, NOT_FOUND, OK};

/// `proxy_status_t`.
const EMPTY: i32 = 7;

/// A queue's name without the number of the worker that it belongs to.
fn without_worker(name: &str) -> &str {
    let worker = name.rsplit('/').next().unwrap_or_default();
    let is_number = worker.len() == 16 && worker.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_number { name.trim_end_matches(worker) } else { name }
}

pub fn link(linker: &mut Linker<Envoy>) -> Result<()> {
    find(linker)?;
    pass_on(linker)?;
    for (import, text) in [
        ("proxy_set_tick_period_milliseconds", "set_tick_period_milliseconds"),
        ("proxy_set_effective_context", "set_effective_context"),
    ] {
        linker.func_wrap("env", import, move |host: Caller<'_, Envoy>, _: i32| {
            Host(host).call(text);
            OK
        })?;
    }
    Ok(())
}

fn find(linker: &mut Linker<Envoy>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_register_shared_queue",
        |host: Caller<'_, Envoy>, name: i32, length: i32, id: i32| {
            let mut host = Host(host);
            let name = host.text(name, length);
            host.call(format!("register_queue {}", without_worker(&name)));
            let number = host.0.data_mut().queue(name);
            host.write(id, &number.to_le_bytes()).map_or(BAD_ARGUMENT, |()| OK)
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_resolve_shared_queue",
        |host: Caller<'_, Envoy>, _: i32, _: i32, name: i32, length: i32, id: i32| {
            let mut host = Host(host);
            let name = host.text(name, length);
            host.call(format!("resolve_queue {}", without_worker(&name)));
            if !host.0.data().queues.iter().any(|(known, _)| *known == name) {
                return NOT_FOUND;
            }
            let number = host.0.data_mut().queue(name);
            host.write(id, &number.to_le_bytes()).map_or(BAD_ARGUMENT, |()| OK)
        },
    )?;
    Ok(())
}

fn pass_on(linker: &mut Linker<Envoy>) -> Result<()> {
    linker.func_wrap(
        "env",
        "proxy_enqueue_shared_queue",
        |host: Caller<'_, Envoy>, id: i32, at: i32, size: i32| {
            let mut host = Host(host);
            let message = host.bytes(at, size);
            host.call("enqueue");
            let Some(queue) = host.0.data_mut().messages(id) else { return NOT_FOUND };
            queue.push_back(message);
            OK
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_dequeue_shared_queue",
        |host: Caller<'_, Envoy>, id: i32, at: i32, size: i32| {
            let mut host = Host(host);
            host.call("dequeue");
            let Some(queue) = host.0.data_mut().messages(id) else { return NOT_FOUND };
            let Some(message) = queue.pop_front() else { return EMPTY };
            host.answer(Some(message), at, size)
        },
    )?;
    Ok(())
}
