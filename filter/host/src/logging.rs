//! The module's log, in Envoy's.
#![allow(unsafe_code)] // Calling the host is what this file is for.

use crate::abi::LogLevel;
use crate::imports::*;

struct EnvoyLog;

/// Sends the module's log, and the text of a panic, to Envoy's log.
pub fn start() {
    if log::set_logger(&EnvoyLog).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
    std::panic::set_hook(Box::new(|panic| {
        write_log(LogLevel::Critical, &panic.to_string());
    }));
}

impl log::Log for EnvoyLog {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true // Envoy has its own threshold for the component `wasm`.
    }

    fn log(&self, record: &log::Record<'_>) {
        let level = match record.level() {
            log::Level::Error => LogLevel::Error,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Info => LogLevel::Info,
            log::Level::Debug => LogLevel::Debug,
            log::Level::Trace => LogLevel::Trace,
        };
        write_log(level, &record.args().to_string());
    }

    fn flush(&self) {}
}

/// Writes a line to Envoy's log.
fn write_log(level: LogLevel, message: &str) {
    // SAFETY: the slice outlives the call.
    unsafe { proxy_log(level, message.as_ptr(), message.len()) };
}
