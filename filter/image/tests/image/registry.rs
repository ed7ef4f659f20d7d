//! A real registry on loopback, and a client that reads from it.

use std::path::PathBuf;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde_json::Value;
use testbed::registry::Registry;

use crate::istio::Blobs;

/// One that takes everything from everyone.
pub fn open() -> Registry {
    Registry::open(&program()).unwrap()
}

/// One that knows a single user, `name:bcrypt` as htpasswd writes it.
pub fn for_user(htpasswd: &str) -> Registry {
    Registry::for_user(&program(), htpasswd).unwrap()
}

fn program() -> PathBuf {
    let program = std::env::var_os("HEARTBEAT_REGISTRY")
        .map_or_else(|| crate::root().join(".tools/bin/docker-registry"), PathBuf::from);
    assert!(program.exists(), "no registry at {}: run `make test-image`", program.display());
    program
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
