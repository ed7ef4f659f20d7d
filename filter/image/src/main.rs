//! `heartbeat-image build` packs the modules; `heartbeat-image push` pushes what was
//! packed. `make image` and `make push` run it.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use heartbeat_image::build::{self, BuildInfo};
use heartbeat_image::{facts, push, target};

#[derive(Parser)]
enum Arguments {
    /// Packs OUT/heartbeat_filter.wasm and OUT/heartbeat_hub.wasm, each as OCI image and OCI
    /// artifact, with SBOM and checksums.
    Build {
        /// Where the modules are and the rest goes.
        #[arg(long)]
        out: PathBuf,
        /// The project's root, whose cargo workspace they were built from.
        #[arg(long)]
        workspace: PathBuf,
        /// The commit that they were built from.
        #[arg(long)]
        revision: String,
        /// When that was committed, in seconds since 1970.
        #[arg(long)]
        created: i64,
        /// The version of the Rust compiler that built them.
        #[arg(long)]
        rust: String,
        /// The URL of the source; `repository` in Cargo.toml otherwise.
        #[arg(long)]
        source: Option<String>,
    },
    /// Pushes both forms of both modules: the filter's image to IMAGE, its artifact to
    /// IMAGE-artifact, and the hub's beside them.
    Push {
        /// The folder that `build` wrote the images to.
        #[arg(long)]
        images: PathBuf,
        /// Where the filter goes: registry.example.com/name:tag
        image: String,
        /// Where the hub goes; otherwise to that registry and tag, where it is called
        /// heartbeat-hub beside heartbeat-filter, and NAME-hub beside any other NAME.
        #[arg(long)]
        hub: Option<String>,
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
            build::build(&workspace, &out, &BuildInfo { revision, source, created, rust })
        }
        Arguments::Push { images, image, hub } => {
            let targets = target::Targets::of(&image, hub.as_deref())?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(push::push(&images, &targets))
        }
    }
}
