//! Pushes what was packed, byte for byte.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError as Failure, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

use crate::blob::Blob;
use crate::forms::Kind;
use crate::product::{FILTER, HUB};
use crate::target::{self, Targets};
use crate::{credentials, layout};

/// Longer than a registry takes to begin its answer, shorter than patience.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Pushes every form of every module in `images` to where it goes, and says where each is
/// and by which digest.
pub async fn push(images: &Path, targets: &Targets) -> Result<String> {
    let mut said = push_product(&images.join(FILTER.folder), &targets.filter).await?;
    said += &push_product(&images.join(HUB.folder), &targets.hub).await?;
    Ok(said)
}

async fn push_product(images: &Path, reference: &Reference) -> Result<String> {
    let auth = credentials::find(reference.resolve_registry())?;
    let client = client(reference)?;
    client.store_auth_if_needed(reference.resolve_registry(), &auth).await;

    let mut said = String::new();
    for kind in Kind::ALL {
        let (manifest, blobs) = layout::read(&images.join(kind.name()))?;
        let reference = target::with_suffix(reference, kind.tag_suffix());
        let digest = push_form(&client, &reference, &auth, &manifest, &blobs)
            .await
            .with_context(|| format!("can't push {}", reference.whole()))?;
        writeln!(said, "{:8} {}@{digest}", kind.name(), reference.whole())?;
    }
    Ok(said)
}

fn client(reference: &Reference) -> Result<Client> {
    // It fails when there is one already, which will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let registry = reference.resolve_registry();
    let plain = if target::is_loopback(registry) { vec![registry.to_owned()] } else { Vec::new() };
    let config = ClientConfig {
        protocol: ClientProtocol::HttpsExcept(plain),
        // In one piece: not every registry takes pieces.
        use_monolithic_push: true,
        connect_timeout: Some(TIMEOUT),
        read_timeout: Some(TIMEOUT),
        user_agent: concat!("heartbeat-image/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    Client::try_from(config).context("can't set up TLS")
}

/// The manifest goes last: a registry refuses one whose blobs it lacks.
async fn push_form(
    client: &Client,
    reference: &Reference,
    auth: &RegistryAuth,
    manifest: &Blob,
    blobs: &[Blob],
) -> Result<String> {
    // Asked outright, the client tells why a login failed; on the way it would go on
    // without one.
    let push = oci_client::RegistryOperation::Push;
    mend(client.auth(reference, auth, push).await, reference)?;
    for blob in blobs {
        let digest = blob.digest();
        if !mend(client.blob_exists(reference, &digest).await, reference)? {
            mend(client.push_blob(reference, blob.bytes.clone(), &digest).await, reference)?;
        }
    }
    let media_type = manifest.media_type.parse()?;
    let pushed = client.push_manifest_raw(reference, manifest.bytes.clone(), media_type).await;
    mend(pushed, reference)?;

    let there = mend(client.fetch_manifest_digest(reference, auth).await, reference)?;
    let digest = manifest.digest();
    ensure!(there == digest, "the registry made {there} of {digest}; push to another one");
    Ok(digest)
}

/// Adds to what the client says what can be done about it.
fn mend<T>(result: Result<T, Failure>, reference: &Reference) -> Result<T> {
    let registry = reference.resolve_registry();
    result.map_err(|failure| {
        let advice = if is_refusal(&failure) {
            format!("log in as one who may push: docker login {registry}")
        } else if matches!(&failure, Failure::RequestError(error) if error.is_connect()) {
            format!(
                "is {registry} the right name, is it up, and does it speak TLS with a \
                 certificate that this machine trusts? (plain HTTP is for loopback alone)"
            )
        } else {
            format!("see what {registry} logs")
        };
        anyhow!("{:#}; {advice}", anyhow::Error::new(failure))
    })
}

fn is_refusal(failure: &Failure) -> bool {
    match failure {
        Failure::AuthenticationFailure(_) | Failure::UnauthorizedError { .. } => true,
        Failure::ServerError { code, .. } => [401, 403].contains(code),
        Failure::RequestError(error) => {
            error.status().is_some_and(|status| [401, 403].contains(&status.as_u16()))
        }
        Failure::RegistryError { envelope, .. } => envelope
            .errors
            .iter()
            .any(|error| [OciErrorCode::Denied, OciErrorCode::Unauthorized].contains(&error.code)),
        _ => false,
    }
}
