//! Where the things that the testbed drives are to be found.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Paths of the tools. A tool is looked for when it is asked for, so that a
/// scenario without gRPC needs no Python.
#[derive(Clone, Debug)]
pub struct Tools {
    testbed: PathBuf,
    envoy: PathBuf,
    python: PathBuf,
    grpc_health_probe: PathBuf,
    module: PathBuf,
}

impl Tools {
    /// The tools named by `HEARTBEAT_ENVOY`, `HEARTBEAT_PYTHON`,
    /// `HEARTBEAT_GRPC_HEALTH_PROBE` and `HEARTBEAT_MODULE`, or else where `make` puts them. `testbed` is this
    /// crate's own binary, which runs the application.
    pub fn from_env(testbed: impl Into<PathBuf>) -> Self {
        let locate = |variable, default| {
            env::var_os(variable).map_or_else(|| workspace().join(default), PathBuf::from)
        };
        Self {
            testbed: testbed.into(),
            envoy: locate("HEARTBEAT_ENVOY", ".tools/envoy"),
            python: locate("HEARTBEAT_PYTHON", ".tools/venv/bin/python"),
            grpc_health_probe: locate(
                "HEARTBEAT_GRPC_HEALTH_PROBE",
                ".tools/bin/grpc_health_probe",
            ),
            module: locate("HEARTBEAT_MODULE", "dist/heartbeat_filter.wasm"),
        }
    }

    /// The Envoy binary.
    pub fn envoy(&self) -> Result<&Path> {
        existing(&self.envoy, "Envoy", "HEARTBEAT_ENVOY")
    }

    /// A Python that has grpcio and grpcio-health-checking.
    pub fn python(&self) -> Result<&Path> {
        existing(&self.python, "Python with grpcio", "HEARTBEAT_PYTHON")
    }

    /// The command line of the crate grpc_health_probe.
    pub fn grpc_health_probe(&self) -> Result<&Path> {
        existing(&self.grpc_health_probe, "grpc_health_probe", "HEARTBEAT_GRPC_HEALTH_PROBE")
    }

    /// The filter.
    pub fn module(&self) -> Result<&Path> {
        existing(&self.module, "module", "HEARTBEAT_MODULE")
    }

    /// This crate's own binary.
    pub fn testbed(&self) -> &Path {
        &self.testbed
    }
}

/// The root of the workspace.
pub fn workspace() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap_or(root)
}

/// The shipped Envoy configurations.
pub fn envoy_configs() -> PathBuf {
    workspace().join("envoy-config")
}

/// The scenarios and the Envoy configurations that only they use.
pub fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// The JSON schemas that scenarios hold bodies against.
pub fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

fn existing<'a>(path: &'a Path, what: &str, variable: &str) -> Result<&'a Path> {
    if !path.exists() {
        bail!("no {what} at {}: run `make test`, or set {variable}", path.display());
    }
    Ok(path)
}
