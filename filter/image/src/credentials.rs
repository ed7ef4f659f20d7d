//! Credentials as `docker login` keeps them: in `$DOCKER_CONFIG/config.json` or
//! `~/.docker/config.json`, or with the helper that it names.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail};
use docker_credential::{CredentialRetrievalError as Failure, DockerCredential};
use oci_client::secrets::RegistryAuth;

/// The name that `docker login` files Docker Hub under.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What to log in to `registry` with; nobody where there is nothing for it.
pub fn find(registry: &str) -> Result<RegistryAuth> {
    let server = match registry {
        "docker.io" | "index.docker.io" => DOCKER_HUB,
        other => other,
    };
    match docker_credential::get_credential(server) {
        Ok(DockerCredential::UsernamePassword(name, password)) => {
            Ok(RegistryAuth::Basic(name, password))
        }
        Ok(DockerCredential::IdentityToken(_)) => bail!(
            "for {registry} there is only an identity token, which this client can't use; \
             log in with a password or an access token: docker login {registry}"
        ),
        Err(Failure::NoCredentialConfigured | Failure::ConfigNotFound) => {
            Ok(RegistryAuth::Anonymous)
        }
        Err(Failure::ConfigReadError) if !config().is_some_and(|path| path.exists()) => {
            Ok(RegistryAuth::Anonymous)
        }
        // A helper that has nothing says so by failing.
        Err(Failure::HelperFailure { stdout, .. }) if stdout.contains("credentials not found") => {
            Ok(RegistryAuth::Anonymous)
        }
        Err(failure) => bail!(
            "no credentials for {registry}: {failure} ({}); mend it, or log in again: \
             docker login {registry}",
            config().unwrap_or_default().display()
        ),
    }
}

fn config() -> Option<PathBuf> {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker"));
    let folder = env::var_os("DOCKER_CONFIG").map(PathBuf::from).or_else(home)?;
    Some(folder.join("config.json"))
}
