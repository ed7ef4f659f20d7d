//! What crossed between a host and the module, one line a crossing.

use std::fmt;

/// Everything that crossed while a request was served.
#[derive(Debug, Default)]
pub struct Trace {
    callbacks: Vec<Callback>,
}

/// The host called the module.
#[derive(Debug)]
struct Callback {
    name: String,
    /// What the module called meanwhile.
    calls: Vec<Call>,
}

/// The module called the host.
#[derive(Debug)]
struct Call {
    text: String,
    /// The host handed a value over, in memory that it had the module allocate: one
    /// crossing more.
    allocates: bool,
}

impl Trace {
    /// The host calls the module.
    pub fn enter(&mut self, callback: &str) {
        let name = callback.trim_start_matches("proxy_").to_owned();
        self.callbacks.push(Callback { name, calls: Vec::new() });
    }

    /// The module calls the host.
    pub fn call(&mut self, text: impl Into<String>) {
        if let Some(callback) = self.callbacks.last_mut() {
            callback.calls.push(Call { text: text.into(), allocates: false });
        }
    }

    /// The host has the module allocate memory for what the present call returns.
    pub fn allocate(&mut self) {
        let present = self.callbacks.last_mut().and_then(|callback| callback.calls.last_mut());
        if let Some(call) = present {
            call.allocates = true;
        }
    }

    /// How often the border between host and VM was crossed.
    pub fn crossings(&self) -> usize {
        let of_call = |call: &Call| 1 + usize::from(call.allocates);
        let calls = self.callbacks.iter().flat_map(|callback| &callback.calls);
        self.callbacks.len() + calls.map(of_call).sum::<usize>()
    }
}

/// Callbacks at the margin, the host calls that each of them makes below it; `*`
/// marks a call that hands a value over.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for callback in &self.callbacks {
            writeln!(f, "{}", callback.name)?;
            for call in &callback.calls {
                writeln!(f, "  {}{}", call.text, if call.allocates { " *" } else { "" })?;
            }
        }
        Ok(())
    }
}
