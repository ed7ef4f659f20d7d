//! Files that results are kept in.

use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file, in a folder that is made where it isn't there.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let context = || format!("can't write {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(context)?;
    }
    std::fs::write(path, text).with_context(context)
}
