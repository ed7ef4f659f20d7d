//! A page with pictures of what happened on a real Envoy, made from nothing but
//! its own metrics.
//!
//! - [`recorder`] reads the metrics while something goes on, and is informed what
//!   goes on; what it has in the end is a [`recording`].
//! - [`series`] turns a recording into series, [`histogram`] into heat.
//! - [`scale`] and [`frame`] are what every picture shares; [`stack`], [`heat`],
//!   [`strip`] and [`lines`] are the four kinds of picture there are.
//! - [`plots`] says which metric is shown how, and [`page`] puts them on a page.
//!
//! The pictures are SVG within the page. Their colours are CSS classes, so that
//! one picture serves light and dark screens, and paper.

pub(crate) mod frame;
mod heat;
mod histogram;
pub(crate) mod lines;
pub(crate) mod page;
pub(crate) mod plots;
mod recorder;
mod recording;
pub(crate) mod scale;
pub(crate) mod series;
mod stack;
pub(crate) mod strip;
#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::{Context, Result};

pub use self::recorder::Recorder;
pub use self::recording::{About, Recording, Sample, Span};

/// Writes the page of the filter's demo, self-contained, to `path`.
pub fn write(recording: &Recording, path: &Path) -> Result<()> {
    save(page::render(recording).into_string(), path)
}

/// Writes a page to `path`; its directory is made if need be.
pub(crate) fn save(page: String, path: &Path) -> Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("can't make {}", directory.display()))?;
    }
    std::fs::write(path, page).with_context(|| format!("can't write {}", path.display()))
}
