//! A mesh as Istio makes it: istiod signs certificates, and an authority stands behind it
//! that another mesh may share.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use testbed::tools::Tools;

use crate::istiod::{Istiod, Signing};

/// Namespaces, and what pods there run as and on.
pub const BASE: &str = include_str!("base.yaml");

/// The authority that all meshes trust; each signs with one of its own below it.
pub struct Root(CertifiedIssuer<'static, KeyPair>);

impl Root {
    /// A new one.
    pub fn new() -> Result<Self> {
        Ok(Self(CertifiedIssuer::self_signed(authority("root"), KeyPair::generate()?)?))
    }

    /// Its certificate, in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// The certificate of a host outside of all meshes, and its key, in PEM.
    pub fn certify(&self, host: &str) -> Result<(String, String)> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new([host.to_owned()])?;
        Ok((params.signed_by(&key, &self.0)?.pem(), key.serialize_pem()))
    }

    /// Writes the files that Istio takes a mesh's authority from.
    fn delegate(&self, mesh: &str, folder: &Path) -> Result<()> {
        let key = KeyPair::generate()?;
        let certificate = authority(mesh).signed_by(&key, &self.0)?.pem();
        std::fs::create_dir_all(folder)?;
        for (name, text) in [
            ("root-cert.pem", self.pem()),
            ("cert-chain.pem", format!("{certificate}{}", self.pem())),
            ("ca-cert.pem", certificate),
            ("ca-key.pem", key.serialize_pem()),
        ] {
            std::fs::write(folder.join(name), text)?;
        }
        Ok(())
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// An istiod with an authority.
pub struct Mesh {
    /// Its control plane.
    pub istiod: Istiod,
    /// The root of everybody's certificates, in PEM.
    pub root: String,
    /// What its identities begin with.
    pub trust_domain: String,
    /// Where its istiod is.
    pub address: Ipv4Addr,
}

impl Mesh {
    /// Starts one; it trusts identities of the other trust domains, too.
    pub async fn start(
        tools: &Tools,
        root: &Root,
        address: Ipv4Addr,
        trust_domain: &str,
        others: &[&str],
    ) -> Result<Self> {
        let authority = tempfile::Builder::new().prefix("testbed-authority-").tempdir()?;
        root.delegate(trust_domain, authority.path())?;
        let signing = Signing { address, trust_domain, others, authority };
        let istiod = Istiod::signing(tools, signing).await?;
        istiod.apply(BASE).await?;
        Ok(Self { istiod, root: root.pem(), trust_domain: trust_domain.into(), address })
    }
}
