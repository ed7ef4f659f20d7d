//! Certificates for one run: an authority, a server, and any number of clients.
//! What a client shows is there for every implementation: as rustls takes it,
//! and as files and PEM.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The name in the server's certificate.
pub const SERVER: &str = "heartbeat.test";

/// Who a client is to a listener that speaks TLS.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "String")]
pub enum Identity {
    /// A client without a certificate.
    Anonymous,
    /// The URI in its certificate, such as a SPIFFE id.
    Uri(String),
}

impl From<String> for Identity {
    fn from(text: String) -> Self {
        if text == "anonymous" { Self::Anonymous } else { Self::Uri(text) }
    }
}

/// TLS as one client speaks it.
#[derive(Clone, Debug)]
pub struct ClientTls {
    pub(super) config: ClientConfig,
    /// The file with the authority's certificate.
    pub authority: PathBuf,
    /// What the client shows of itself, if anything.
    pub shown: Option<Shown>,
}

/// A client's certificate and its key, in PEM.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Shown {
    pub certificate: String,
    pub key: String,
}

/// An authority that everybody trusts; its files go with it.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    home: TempDir,
}

impl Authority {
    /// A new one, and the files that an Envoy reads.
    pub fn new() -> Result<Self> {
        Self::named("testbed")
    }

    /// The same under another name.
    pub fn named(name: &str) -> Result<Self> {
        let mut params = blank_params();
        // Its name distinguishes it from those that it certifies.
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let home = tempfile::Builder::new().prefix("testbed-tls-").tempdir()?;
        let authority = Self { issuer, home };
        authority.write("ca", &authority.issuer.pem())?;
        authority.certify("server", &[SERVER])?;
        Ok(authority)
    }

    /// The file with the authority's certificate (`ca`), or the server's
    /// (`server.cert`), or its key (`server.key`), and those of whom else it has
    /// [certified](Self::certify).
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(format!("{name}.pem"))
    }

    /// Certifies whoever has these names: hosts, and URIs where they have a colon. What it
    /// shows is in the files `name.cert` and `name.key`, too.
    pub fn certify(&self, name: &str, subject: &[&str]) -> Result<Shown> {
        self.certify_with(name, blank_params(), subject)
    }

    /// The same with a certificate that has expired.
    pub fn certify_expired(&self, name: &str, subject: &[&str]) -> Result<Shown> {
        let mut params = blank_params();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 1);
        self.certify_with(name, params, subject)
    }

    fn certify_with(
        &self,
        name: &str,
        mut params: CertificateParams,
        subject: &[&str],
    ) -> Result<Shown> {
        let san = |name: &&str| -> Result<SanType> {
            let text = Ia5String::try_from(*name)?;
            Ok(if name.contains(':') { SanType::URI(text) } else { SanType::DnsName(text) })
        };
        params.subject_alt_names = subject.iter().map(san).collect::<Result<_>>()?;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        let shown = Shown { certificate, key: key.serialize_pem() };
        self.write(&format!("{name}.cert"), &shown.certificate)?;
        self.write(&format!("{name}.key"), &shown.key)?;
        Ok(shown)
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path(name);
        std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))
    }

    /// TLS as `identity`, with a certificate by this authority.
    pub fn client(&self, identity: &Identity) -> Result<Arc<ClientTls>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone())?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let (config, shown) = match identity {
            Identity::Anonymous => (config.with_no_client_auth(), None),
            Identity::Uri(uri) => {
                let mut params = blank_params();
                params.subject_alt_names = vec![SanType::URI(Ia5String::try_from(uri.as_str())?)];
                let key = KeyPair::generate()?;
                let certificate = params.signed_by(&key, &self.issuer)?;
                let shown = Shown { certificate: certificate.pem(), key: key.serialize_pem() };
                let key = PrivatePkcs8KeyDer::from(key.serialize_der());
                (config.with_client_auth_cert(vec![certificate.into()], key.into())?, Some(shown))
            }
        };
        Ok(Arc::new(ClientTls { config, authority: self.path("ca"), shown }))
    }
}

/// The parameters of a certificate, with no name yet.
fn blank_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
}
