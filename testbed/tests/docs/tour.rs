//! The pages that show a hub at work: their commands are run beside the Envoys that the first
//! of them configures, and each must say what the page says.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use regex::{Captures, Regex};
use serde_json::Value;
use tempfile::TempDir;
use testbed::child::Child;
use testbed::mesh::Place;
use testbed::page::{self, Block};
use testbed::tools::Tools;

/// The page that has the Envoys.
pub const FIRST: &str = "docs/mesh/index.md";

/// The ports in these pages.
const PORTS: &str = r"\b(8080|10000|9001|9002)\b";
/// The hub's and its client's: those that must be open before anything is tried.
const LISTENERS: [&str; 2] = ["8080", "10000"];
/// The place of the hub's module in the page.
const MODULE: &str = "dist/heartbeat_hub.wasm";
/// For so long an answer may be behind.
const PATIENCE: Duration = Duration::from_secs(10);
/// What differs from one run to the next in a document.
const VARIES: [&str; 5] = ["since_ns", "now_ns", "age_ms", "index", "version_info"];
/// In a text of several lines: whatever stands here.
const ELLIPSIS: &str = "…";

/// A command of a page, and what it is to say.
#[derive(Debug)]
struct Shown {
    line: usize,
    command: String,
    says: String,
}

/// Whether a page shows a hub at work: how it is asked, and what is said.
pub fn is_shown(page: &str) -> bool {
    let shown: Vec<_> = page::blocks(page).iter().flat_map(shown_in).collect();
    shown.iter().any(Shown::is_asked) && shown.iter().any(|it| !it.says.is_empty())
}

/// Runs what `page` shows beside the Envoys of `first`.
pub fn run(first: &str, page: &str, tools: &Tools) -> Result<()> {
    let tour = Tour::begin(first, tools)?;
    let blocks = page::blocks(page);
    for shown in blocks.iter().flat_map(shown_in) {
        tour.follow(&shown).with_context(|| format!("line {}: {}", shown.line, shown.command))?;
    }
    Ok(())
}

fn shown_in(block: &Block) -> Vec<Shown> {
    if block.language != "console" {
        return vec![];
    }
    let mut all: Vec<Shown> = vec![];
    for (number, line) in block.text.lines().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            let (line, command) = (block.line + 1 + number, command.to_owned());
            all.push(Shown { line, command, says: String::new() });
        } else if let Some(last) = all.last_mut() {
            let continues = last.command.ends_with('\\') && last.says.is_empty();
            let to = if continues { &mut last.command } else { &mut last.says };
            let _ = write!(to, "{}{line}", if to.is_empty() { "" } else { "\n" });
        }
    }
    all
}

impl Shown {
    /// Whether it asks the hub, or helps to.
    fn is_asked(&self) -> bool {
        self.command.contains("localhost:8080")
    }

    /// Whether it tells the shell something for later.
    fn is_definition(&self) -> bool {
        self.command.contains("() {")
    }

    /// Whether the test has done it already, in its way.
    fn is_done(&self) -> bool {
        self.command == "make build" || self.command.starts_with("envoy ")
    }

    /// Whether it may be asked again: it changes nothing.
    fn is_read(&self) -> bool {
        !["say ", "-d ", "--data"].iter().any(|word| self.command.contains(word))
    }
}

/// The two Envoys at work.
struct Tour {
    home: TempDir,
    ports: Vec<(String, String)>,
    definitions: PathBuf,
    _envoys: Vec<Child>,
}

impl Tour {
    fn begin(first: &str, tools: &Tools) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let mut ports = vec![];
        for port in ["8080", "10000", "9001", "9002"] {
            ports.push((port.to_owned(), Place::choose()?.mesh().port().to_string()));
        }
        let definitions = home.path().join("definitions.sh");
        File::create(&definitions)?;
        let mut tour = Self { home, ports, definitions, _envoys: vec![] };
        let blocks = page::blocks(first);
        let envoys = blocks.iter().filter(|it| it.text.contains("static_resources:"));
        for (number, block) in envoys.enumerate() {
            let text = tour.here(&block.text);
            let text = text.replace(MODULE, &tools.hub_module()?.display().to_string());
            let path = tour.home.path().join(format!("{number}.yaml"));
            fs::write(&path, text)?;
            let log = File::create(path.with_extension("log"))?;
            let mut command = Command::new(tools.envoy()?);
            command.arg("-c").arg(&path).args(["--disable-hot-restart", "--concurrency", "2"]);
            command.stdout(log.try_clone()?).stderr(log);
            tour._envoys.push(Child::spawn(&mut command)?);
        }
        let begun = Instant::now();
        for port in LISTENERS.map(|port| tour.here(port)) {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse()?)).is_err() {
                ensure!(begun.elapsed() < Duration::from_secs(30), "{}", tour.logs()?);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(tour)
    }

    fn logs(&self) -> Result<String> {
        let read =
            |number: usize| fs::read_to_string(self.home.path().join(format!("{number}.log")));
        Ok(format!("an Envoy doesn't start:\n{}\n{}", read(0)?, read(1)?))
    }

    /// A text with the ports of this run.
    fn here(&self, text: &str) -> String {
        let port = |found: &Captures<'_>| {
            let known = self.ports.iter().find(|(shown, _)| *shown == found[0]);
            known.map_or_else(|| found[0].to_owned(), |(_, port)| port.clone())
        };
        match Regex::new(PORTS) {
            Ok(ports) => ports.replace_all(text, port).into_owned(),
            Err(_) => text.to_owned(),
        }
    }

    fn follow(&self, shown: &Shown) -> Result<()> {
        if shown.is_done() {
            return Ok(());
        }
        if shown.is_definition() {
            let mut known = fs::read_to_string(&self.definitions)?;
            let _ = writeln!(known, "{}", self.here(&shown.command));
            fs::write(&self.definitions, known)?;
            return Ok(());
        }
        let (command, expected) = (self.here(&shown.command), self.here(&shown.says));
        let begun = Instant::now();
        loop {
            let says = say(&command, &self.definitions)?;
            match same(&expected, &says) {
                Ok(()) => return Ok(()),
                Err(_) if shown.is_read() && begun.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(difference) => bail!("{difference:#}\nit says:\n{says}"),
            }
        }
    }
}

/// What a command says.
fn say(command: &str, definitions: &Path) -> Result<String> {
    let script = format!(". {}\n{command}", definitions.display());
    let output = Command::new("bash").args(["-c", &script]).output().context("no bash")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(errors.is_empty(), "{errors}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a page says what a command does, but for what varies.
fn same(expected: &str, says: &str) -> Result<()> {
    if let (Ok(mut expected), Ok(mut says)) =
        (serde_json::from_str::<Value>(expected), serde_json::from_str::<Value>(says))
    {
        [&mut expected, &mut says].into_iter().for_each(mask);
        ensure!(expected == says, "the page's document differs");
        return Ok(());
    }
    let mut lines = says.lines().map(varied);
    let mut skips = false;
    for expected in expected.lines().map(varied) {
        if expected == ELLIPSIS {
            skips = true;
            continue;
        }
        let found = if skips {
            lines.any(|it| it == expected)
        } else {
            lines.next() == Some(expected.clone())
        };
        ensure!(found, "not said: {expected}");
        skips = false;
    }
    ensure!(skips || lines.next().is_none(), "more is said");
    Ok(())
}

/// Takes out of a document what varies.
fn mask(document: &mut Value) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(fields) => {
            for (name, value) in fields {
                if VARIES.contains(&name.as_str()) && !value.is_null() {
                    *value = Value::Bool(true);
                }
                mask(value);
            }
        }
        _ => {}
    }
}

/// A line without what varies in it.
fn varied(line: &str) -> String {
    let varies = Regex::new(r#"[0-9a-f]{16}|(content-length|date): .*"#);
    let line = varies.map_or_else(|_| line.into(), |varies| varies.replace_all(line, "~"));
    line.trim_end().to_owned()
}
