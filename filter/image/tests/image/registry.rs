//! A real registry on loopback, and a client that reads from it.

use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde_json::Value;
use tempfile::TempDir;
use testbed::child::Child;

use crate::istio::Blobs;

/// A registry that lives as long as this.
pub struct Registry {
    /// Its host and port.
    pub address: String,
    _process: Child,
    _folder: TempDir,
}

impl Registry {
    /// One that takes everything from everyone.
    pub fn open() -> Self {
        Self::start(None)
    }

    /// One that knows a single user, `name:bcrypt` as htpasswd writes it.
    pub fn for_user(htpasswd: &str) -> Self {
        Self::start(Some(htpasswd))
    }

    fn start(htpasswd: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut config = format!(
            "version: 0.1\n\
             log: {{ level: info, accesslog: {{ disabled: true }} }}\n\
             storage: {{ filesystem: {{ rootdirectory: {} }} }}\n\
             http: {{ addr: 127.0.0.1:0 }}\n",
            path("content").display()
        );
        if let Some(user) = htpasswd {
            fs::write(path("htpasswd"), user).unwrap();
            let users = path("htpasswd");
            writeln!(config, "auth: {{ htpasswd: {{ realm: test, path: {} }} }}", users.display())
                .unwrap();
        }
        fs::write(path("config.yml"), config).unwrap();

        // It tells its port in its log, which goes to standard error.
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$0\" serve \"$1\" 2>&1"])
            .arg(program())
            .arg(path("config.yml"));
        let mut process = Child::spawn(command.stdout(Stdio::piped())).unwrap();
        let mut log = BufReader::new(process.take_stdout().unwrap());
        let address = address(&mut log);
        // Somebody must read on, or it would block when the pipe is full.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { address, _process: process, _folder: folder }
    }
}

fn program() -> PathBuf {
    let program = std::env::var_os("HEARTBEAT_REGISTRY")
        .map_or_else(|| crate::root().join(".tools/bin/docker-registry"), PathBuf::from);
    assert!(program.exists(), "no registry at {}: run `make test-image`", program.display());
    program
}

fn address(log: &mut impl BufRead) -> String {
    let mut seen = String::new();
    while log.read_line(&mut seen).unwrap() > 0 {
        let rest = seen.split_once("listening on ").map(|(_, rest)| rest);
        let end =
            |character: char| !(character.is_ascii_digit() || ['.', ':'].contains(&character));
        if let Some(address) = rest.and_then(|rest| rest.split(end).next()) {
            return address.to_owned();
        }
    }
    panic!("the registry ended:\n{seen}");
}

/// What a reference leads to: the manifest, its digest as the registry says it, and
/// every blob that it names.
pub fn pull(reference: &str) -> (Vec<u8>, String, Blobs) {
    let reference = Reference::try_from(reference).unwrap();
    let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new(config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let types = ["application/vnd.oci.image.manifest.v1+json"];
        let auth = RegistryAuth::Anonymous;
        let (manifest, digest) = client.pull_manifest_raw(&reference, &auth, &types).await.unwrap();
        let told: Value = serde_json::from_slice(&manifest).unwrap();
        let mut blobs = Blobs::new();
        for named in std::iter::once(&told["config"]).chain(told["layers"].as_array().unwrap()) {
            let descriptor: OciDescriptor = serde_json::from_value(named.clone()).unwrap();
            let mut bytes = Vec::new();
            client.pull_blob(&reference, &descriptor, &mut bytes).await.unwrap();
            blobs.insert(descriptor.digest, bytes);
        }
        (manifest.to_vec(), digest, blobs)
    })
}
