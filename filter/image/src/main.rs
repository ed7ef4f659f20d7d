//! `heartbeat-image build` packs the module; `heartbeat-image push` pushes what was
//! packed. `make image` and `make push` run it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use heartbeat_image::build::{self, BuildInfo};
use heartbeat_image::{facts, push};

#[derive(Parser)]
enum Arguments {
    /// Packs OUT/heartbeat_filter.wasm: OCI image, OCI artifact, SBOM, checksums.
    Build {
        /// Where the module is and the rest goes.
        #[arg(long)]
        out: PathBuf,
        /// The project's root, whose cargo workspace the module was built from.
        #[arg(long)]
        workspace: PathBuf,
        /// The commit that it was built from.
        #[arg(long)]
        revision: String,
        /// When that was committed, in seconds since 1970.
        #[arg(long)]
        created: i64,
        /// The version of the Rust compiler that built it.
        #[arg(long)]
        rust: String,
        /// The URL of the source; `repository` in Cargo.toml otherwise.
        #[arg(long)]
        source: Option<String>,
    },
    /// Pushes both forms: the image to IMAGE, the artifact to IMAGE-artifact.
    Push {
        /// The folder that `build` wrote the images to.
        #[arg(long)]
        images: PathBuf,
        /// registry.example.com/name:tag
        image: String,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(said) => {
            print!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<String> {
    match arguments {
        Arguments::Build { out, workspace, revision, created, rust, source } => {
            let created = facts::rfc3339(created)?;
            build::build(&workspace, &out, BuildInfo { revision, source, created, rust })
        }
        Arguments::Push { images, image } => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(push::push(&images, &image))
        }
    }
}
