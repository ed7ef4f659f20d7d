//! Where the things that the testbed drives are to be found.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The older Envoys that the filter must run in too (testbed/older-envoys.txt).
pub const OLDER_ENVOYS: [&str; 2] = ["1.36", "1.38"];

/// Paths of the tools. A tool is looked for when it is asked for, so that a
/// scenario without gRPC needs no Python.
#[derive(Clone, Debug)]
pub struct Tools {
    testbed: PathBuf,
    envoy: PathBuf,
    python: PathBuf,
    grpc_health_probe: PathBuf,
    module: PathBuf,
    hub_module: PathBuf,
    prometheus: PathBuf,
    clock: PathBuf,
    admission: PathBuf,
    istiod: PathBuf,
    istio: PathBuf,
    iptables: PathBuf,
    envoy_gateway: PathBuf,
    registry: PathBuf,
    mosquitto: PathBuf,
    otelcol: PathBuf,
}

impl Tools {
    /// The tools named by `HEARTBEAT_ENVOY`, `HEARTBEAT_PYTHON`,
    /// `HEARTBEAT_GRPC_HEALTH_PROBE`, `HEARTBEAT_MODULE`, `HEARTBEAT_HUB_MODULE`,
    /// `HEARTBEAT_CLOCK`, `HEARTBEAT_ADMISSION`, `HEARTBEAT_ISTIOD`, `HEARTBEAT_ENVOY_GATEWAY`,
    /// `HEARTBEAT_REGISTRY`, `HEARTBEAT_OTELCOL`, `HEARTBEAT_PROMETHEUS`,
    /// `HEARTBEAT_MOSQUITTO`, `HEARTBEAT_ISTIO` and `HEARTBEAT_IPTABLES` (folders), or else
    /// where `make` puts them. `testbed` is this crate's own binary, which runs the application.
    pub fn from_env(testbed: impl Into<PathBuf>) -> Self {
        Self {
            testbed: testbed.into(),
            envoy: locate("HEARTBEAT_ENVOY", ".tools/envoy"),
            python: locate("HEARTBEAT_PYTHON", ".tools/venv/bin/python"),
            grpc_health_probe: locate(
                "HEARTBEAT_GRPC_HEALTH_PROBE",
                ".tools/bin/grpc_health_probe",
            ),
            module: locate("HEARTBEAT_MODULE", "dist/heartbeat_filter.wasm"),
            hub_module: locate("HEARTBEAT_HUB_MODULE", "dist/heartbeat_hub.wasm"),
            prometheus: locate("HEARTBEAT_PROMETHEUS", ".tools/bin"),
            clock: locate("HEARTBEAT_CLOCK", ".tools/lib/clock.so"),
            admission: locate("HEARTBEAT_ADMISSION", ".tools/bin/admission"),
            istiod: locate("HEARTBEAT_ISTIOD", ".tools/bin/istiod"),
            istio: locate("HEARTBEAT_ISTIO", ".tools/istio"),
            iptables: locate("HEARTBEAT_IPTABLES", ".tools/iptables"),
            envoy_gateway: locate("HEARTBEAT_ENVOY_GATEWAY", ".tools/gateway/envoy-gateway"),
            registry: locate("HEARTBEAT_REGISTRY", ".tools/bin/docker-registry"),
            mosquitto: locate("HEARTBEAT_MOSQUITTO", ".tools/mosquitto/bin"),
            otelcol: locate("HEARTBEAT_OTELCOL", ".tools/bin/otelcol"),
        }
    }

    /// The Envoy binary.
    pub fn envoy(&self) -> Result<&Path> {
        existing(&self.envoy, "Envoy", "HEARTBEAT_ENVOY")
    }

    /// The same tools with an older Envoy: for 1.36 it is where `HEARTBEAT_ENVOY_1_36`
    /// says, or else where `make` puts it.
    pub fn with_envoy(&self, version: &str) -> Self {
        let variable = format!("HEARTBEAT_ENVOY_{}", version.replace('.', "_"));
        let envoy = locate(&variable, &format!(".tools/envoy-{version}"));
        Self { envoy, ..self.clone() }
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

    /// The hub.
    pub fn hub_module(&self) -> Result<&Path> {
        existing(&self.hub_module, "hub's module", "HEARTBEAT_HUB_MODULE")
    }

    /// One of Prometheus's programs: `prometheus`, `promtool`, `alertmanager` or `amtool`.
    pub fn prometheus(&self, program: &str) -> Result<PathBuf> {
        let path = self.prometheus.join(program);
        existing(&path, program, "HEARTBEAT_PROMETHEUS").map(Path::to_owned)
    }

    /// The library with which a process's clock can be set.
    pub fn clock(&self) -> Result<&Path> {
        existing(&self.clock, "settable clock", "HEARTBEAT_CLOCK")
    }

    /// What says what an API server admits (testbed/controlplanes/admission).
    pub fn admission(&self) -> Result<&Path> {
        existing(&self.admission, "admission", "HEARTBEAT_ADMISSION")
    }

    /// Istio's istiod (testbed/controlplanes/istio).
    pub fn istiod(&self) -> Result<&Path> {
        existing(&self.istiod, "istiod", "HEARTBEAT_ISTIOD")
    }

    /// What else there is of Istio: `pilot-agent`, `istioctl`, and the template of its
    /// proxies' bootstrap, `envoy_bootstrap.json`.
    pub fn istio(&self, file: &str) -> Result<PathBuf> {
        let path = self.istio.join(file);
        existing(&path, file, "HEARTBEAT_ISTIO").map(Path::to_owned)
    }

    /// Debian's package iptables, unpacked.
    pub fn iptables(&self) -> Result<&Path> {
        existing(&self.iptables, "iptables", "HEARTBEAT_IPTABLES")
    }

    /// Envoy Gateway (testbed/controlplanes/gateway).
    pub fn envoy_gateway(&self) -> Result<&Path> {
        existing(&self.envoy_gateway, "Envoy Gateway", "HEARTBEAT_ENVOY_GATEWAY")
    }

    /// A registry of images, CNCF's.
    pub fn registry(&self) -> Result<&Path> {
        existing(&self.registry, "registry", "HEARTBEAT_REGISTRY")
    }

    /// One of Mosquitto's programs: `mosquitto`, `mosquitto_pub` or `mosquitto_sub`.
    pub fn mosquitto(&self, program: &str) -> Result<PathBuf> {
        let path = self.mosquitto.join(program);
        existing(&path, program, "HEARTBEAT_MOSQUITTO").map(Path::to_owned)
    }

    /// An OpenTelemetry Collector (testbed/controlplanes/otel).
    pub fn otelcol(&self) -> Result<&Path> {
        existing(&self.otelcol, "OpenTelemetry Collector", "HEARTBEAT_OTELCOL")
    }

    /// This crate's own binary.
    pub fn testbed(&self) -> &Path {
        &self.testbed
    }
}

/// The root of the workspace; `HEARTBEAT_ROOT` where that is elsewhere than it was when
/// this was built.
pub fn workspace() -> PathBuf {
    if let Some(root) = env::var_os("HEARTBEAT_ROOT") {
        return root.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().unwrap_or(root)
}

/// The shipped Envoy configurations.
pub fn envoy_configs() -> PathBuf {
    workspace().join("envoy-config")
}

/// The scenarios and the Envoy configurations that only they use.
pub fn scenarios() -> PathBuf {
    workspace().join("testbed/scenarios")
}

/// The JSON schemas that scenarios hold bodies against.
pub fn schemas() -> PathBuf {
    workspace().join("testbed/schemas")
}

fn locate(variable: &str, default: &str) -> PathBuf {
    env::var_os(variable).map_or_else(|| workspace().join(default), PathBuf::from)
}

fn existing<'a>(path: &'a Path, what: &str, variable: &str) -> Result<&'a Path> {
    if !path.exists() {
        bail!("no {what} at {}: run `make test`, or set {variable}", path.display());
    }
    Ok(path)
}
