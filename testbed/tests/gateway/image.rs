//! The image as it is released, in a real registry.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use testbed::registry::Registry;
use testbed::tools::{self, Tools};

/// A form of the image: the one whose layer is a file system, or the artifact.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    Image,
    Artifact,
}

/// Where it is.
#[derive(Clone, Debug)]
pub struct Place {
    /// Without a scheme, with a tag.
    pub url: String,
    /// The digest of its manifest, in hexadecimal.
    pub digest: String,
}

/// Pushes what `make image` has packed, as `make push` does.
pub fn push(tools: &Tools, registry: &Registry, form: Form) -> Result<Place> {
    let mut command = Command::new(tools.testbed().with_file_name("heartbeat-image"));
    command.args(["push", "--images"]).arg(tools::workspace().join("dist/image"));
    let output = command.arg(format!("{}/heartbeat-filter:0.1.0", registry.address)).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    // A line for each: its form, and where it is.
    let wanted = match form {
        Form::Image => "image",
        Form::Artifact => "artifact",
    };
    let mut lines = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.find(|words| words.first() == Some(&wanted));
    let place = line.and_then(|words| words.get(1)?.split_once("@sha256:"));
    let (url, digest) = place.with_context(|| format!("no {wanted} was pushed:\n{said}"))?;
    Ok(Place { url: url.into(), digest: digest.into() })
}
