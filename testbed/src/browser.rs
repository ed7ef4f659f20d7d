//! A headless Chromium that looks at a page.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::child::Child;
use crate::tools::{self, Tools};

const SCRIPT: &str = "testbed/clients/browser.py";

/// A running browser; it dies when this is dropped. Whoever asks it waits for its answer.
#[derive(Debug)]
pub struct Browser {
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    // Ends after its input, which tells it to take the browser along.
    _child: Child,
}

/// What came of opening a page.
#[derive(Debug)]
pub struct Opened {
    /// The status of HTTP.
    pub status: u64,
    /// Its headers, by their names in lower case.
    pub headers: Value,
}

impl Browser {
    /// Starts one; says why there is none where that is so.
    pub fn start(tools: &Tools) -> Result<Result<Self, String>> {
        let mut command = Command::new(tools.python()?);
        command.arg(tools::workspace().join(SCRIPT));
        let mut child = Child::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let orders = child.take_stdin().context("the browser's input isn't piped")?;
        let answers = child.take_stdout().context("the browser's output isn't piped")?;
        let mut browser = Self { orders, answers: BufReader::new(answers), _child: child };
        let first = browser.read()?;
        Ok(match first["skipped"].as_str() {
            Some(why) => Err(why.to_owned()),
            None => Ok(browser),
        })
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("the browser printed {line:?}"))
    }

    fn ask(&mut self, command: &Value) -> Result<Value> {
        writeln!(self.orders, "{command}").context("the browser is gone")?;
        let mut answer = self.read()?;
        if let Some(error) = answer["error"].as_str() {
            bail!("{error}");
        }
        Ok(answer["is"].take())
    }

    /// Opens the page of a hub, with these settings beside its URL.
    pub fn open(&mut self, hub: SocketAddr, settings: &Value) -> Result<Opened> {
        let mut told = settings.clone();
        told["url"] = json!(format!("http://{hub}/mesh/"));
        let mut is = self.ask(&json!({ "open": told }))?;
        Ok(Opened { status: is["status"].as_u64().unwrap_or(0), headers: is["headers"].take() })
    }

    /// Waits until an expression of JavaScript holds.
    pub fn holds(&mut self, expression: &str, within: Duration) -> Result<()> {
        let told = json!({ "holds": [expression, within.as_millis() as u64] });
        self.ask(&told).map(drop)
    }

    /// What an expression of JavaScript comes to.
    pub fn says(&mut self, expression: &str) -> Result<Value> {
        self.ask(&json!({ "says": expression }))
    }

    /// Presses keys, one after another.
    pub fn press(&mut self, keys: &[&str]) -> Result<()> {
        keys.iter().try_for_each(|key| self.ask(&json!({ "press": key })).map(drop))
    }

    /// Types a text.
    pub fn types(&mut self, text: &str) -> Result<()> {
        self.ask(&json!({ "type": text })).map(drop)
    }

    /// Moves the pointer onto the first element of a selector.
    pub fn hover(&mut self, selector: &str) -> Result<()> {
        self.ask(&json!({ "hover": selector })).map(drop)
    }

    /// Changes what the reader prefers, such as `{ "color_scheme": "dark" }`.
    pub fn prefers(&mut self, media: &Value) -> Result<()> {
        self.ask(&json!({ "media": media })).map(drop)
    }

    /// Changes the size of the window.
    pub fn resize(&mut self, width: u32, height: u32) -> Result<()> {
        self.ask(&json!({ "size": [width, height] })).map(drop)
    }

    /// Takes a picture of what is seen.
    pub fn picture(&mut self, path: &Path) -> Result<()> {
        self.ask(&json!({ "picture": path })).map(drop)
    }

    /// Fails where somebody couldn't use the page: by what axe finds.
    pub fn is_accessible(&mut self) -> Result<()> {
        let found = self.ask(&json!({ "violations": null }))?;
        ensure!(found == json!([]), "not all can use the page: {found:#}");
        Ok(())
    }

    /// What the browser complains of since the last call: errors, and requests elsewhere.
    pub fn complaints(&mut self) -> Result<Vec<String>> {
        let complaints = self.ask(&json!({ "complaints": null }))?;
        Ok(serde_json::from_value(complaints)?)
    }
}
