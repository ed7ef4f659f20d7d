//! What Istio's injector makes of a Deployment: `istioctl kube-inject` with the template,
//! the values and the mesh's configuration that `istioctl manifest generate` has.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Map, Value};
use testbed::manifest::Manifest;
use testbed::tools::Tools;

use super::pod::Pod;
use crate::network::run;

/// The pod's template of a Deployment, with what was injected.
pub struct Injected(Value);

impl Injected {
    /// Injects a Deployment, in a mesh with this trust domain.
    pub fn new(tools: &Tools, deployment: &Value, trust_domain: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("testbed-injected-").tempdir()?;
        let file = |name: &str| folder.path().join(name);
        let installed = istioctl(tools, folder.path())?;
        let installed = run({ installed }.args(["manifest", "generate"]))?;
        for manifest in Manifest::parse(&installed)? {
            let value = manifest.value();
            let name = value["metadata"]["name"].as_str().unwrap_or_default();
            if manifest.kind() == "ConfigMap" && ["istio", "istio-sidecar-injector"].contains(&name)
            {
                for (key, text) in value["data"].as_object().into_iter().flatten() {
                    fs::write(file(&format!("{name}.{key}")), text.as_str().unwrap_or_default())?;
                }
            }
        }
        let mesh = fs::read_to_string(file("istio.mesh"))?;
        let mesh =
            mesh.replace("trustDomain: cluster.local", &format!("trustDomain: {trust_domain}"));
        fs::write(file("istio.mesh"), mesh)?;
        fs::write(file("deployment.yaml"), deployment.to_string())?;

        let mut command = istioctl(tools, folder.path())?;
        // Otherwise it asks a cluster for the revision, and waits for ever.
        command.args(["kube-inject", "--revision", "default", "-f", "deployment.yaml"]);
        command.args(["--injectConfigFile", "istio-sidecar-injector.config"]);
        command.args(["--valuesFile", "istio-sidecar-injector.values"]);
        let injected = run(command.args(["--meshConfigFile", "istio.mesh"]))?;
        let injected = Manifest::parse(&injected)?;
        let injected = injected.first().context("nothing was injected")?;
        Ok(Self(injected.value()["spec"]["template"].clone()))
    }

    /// The whole template.
    pub fn template(&self) -> &Value {
        &self.0
    }

    /// A container of it, or an init container.
    pub fn container(&self, name: &str) -> Result<&Value> {
        let all = ["containers", "initContainers"].map(|kind| self.0["spec"][kind].as_array());
        let found = all.into_iter().flatten().flatten().find(|it| it["name"] == name);
        found.with_context(|| format!("no container {name}"))
    }

    /// The environment that kubelet would give Istio's proxy in a pod.
    pub fn environment(&self, pod: &Pod) -> Result<Vec<(String, String)>> {
        let all = self.container("istio-proxy")?["env"].as_array().context("no environment")?;
        let mut environment = vec![];
        for variable in all {
            let field = variable.pointer("/valueFrom/fieldRef/fieldPath").and_then(Value::as_str);
            let value = match field {
                None => variable["value"].as_str().map(str::to_owned),
                Some("metadata.name") => Some(pod.name.clone()),
                Some("metadata.namespace") => Some("shop".into()),
                Some("spec.serviceAccountName") => Some(pod.account.clone()),
                Some("spec.nodeName") => Some("node".into()),
                Some("status.podIP") => Some(pod.address.to_string()),
                Some("status.hostIP") => Some(crate::network::NODE.to_string()),
                Some(other) => anyhow::bail!("nobody here knows the field {other}"),
            };
            // The rest are the limits of resources, which aren't limited here.
            if let (Some(name), Some(value)) = (variable["name"].as_str(), value) {
                environment.push((name.to_owned(), value));
            }
        }
        Ok(environment)
    }

    /// Labels or annotations, as kubelet writes them into a file.
    pub fn downward(&self, kind: &str) -> String {
        let all: Map<_, _> = self.0["metadata"][kind].as_object().cloned().unwrap_or_default();
        all.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
    }
}

/// `istioctl`, which finds no cluster.
pub fn istioctl(tools: &Tools, folder: &Path) -> Result<Command> {
    let mut command = Command::new(tools.istio("istioctl")?);
    command.current_dir(folder).env("HOME", folder).env_remove("KUBECONFIG");
    Ok(command)
}
