//! What a Kubernetes API server says of the resources that this project ships and shows:
//! by the real CRDs of Istio, Envoy Gateway and the Gateway API and by Kubernetes' own
//! validation, rules in CEL and unknown fields included.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value, json};
use testbed::manifest::Manifest;
use testbed::tools::{self, Tools};

fn main() -> ExitCode {
    let tools = Arc::new(Tools::from_env(env!("CARGO_BIN_EXE_testbed")));
    let trials = all(&tools).unwrap_or_else(|error| {
        vec![Trial::test("resources", move || Err(Failed::from(format!("{error:#}"))))]
    });
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn all(tools: &Arc<Tools>) -> Result<Vec<Trial>> {
    let mut trials = vec![];
    let mut add = |name: String, check: fn(&Tools, &Manifest) -> Result<()>, it: &Manifest| {
        let (tools, it) = (tools.clone(), it.clone());
        trials.push(Trial::test(name.replace([' ', '-'], "_"), move || {
            check(&tools, &it).map_err(|error| Failed::from(format!("{error:#}")))
        }));
    };
    let shipped = files(&tools::envoy_configs(), "yaml")?;
    let mut seen = 0;
    for (name, text) in &shipped {
        for manifest in Manifest::parse(text).unwrap_or_default() {
            let title = format!("{name}::{}", manifest.title());
            add(format!("{title}::is_admitted"), is_admitted, &manifest);
            add(format!("{title}::no_key_may_be_misspelt"), no_key_may_be_misspelt, &manifest);
            seen += 1;
        }
    }
    ensure!(seen >= 18, "of the shipped resources only {seen} were found");
    let shown = files(&tools::workspace().join("docs"), "md")?;
    for (name, text) in &shown {
        for (at, manifest) in in_page(text).into_iter().enumerate() {
            add(format!("{name}::{at}::{}", manifest.title()), is_admitted, &manifest);
        }
    }
    for (rule, file, kind, patch, said) in WRONG {
        let manifests = Manifest::read(&tools::envoy_configs().join(file))?;
        let found = manifests.into_iter().find(|manifest| manifest.kind() == *kind);
        let mut wrong = found.with_context(|| format!("no {kind} in {file}"))?.value().clone();
        let patch = serde_json::from_str(patch).with_context(|| (*patch).to_owned())?;
        json_merge_patch(&mut wrong, &patch);
        let tools = tools.clone();
        trials.push(Trial::test(format!("refused::{rule}"), move || {
            refused(&tools, &wrong, said).map_err(|error| Failed::from(format!("{error:#}")))
        }));
    }
    Ok(trials)
}

/// A rule, a shipped resource, how it is changed (a JSON merge patch), and what is said of it then.
type Wrong = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// Above all what only the rules in CEL know.
const WRONG: &[Wrong] = &[
    (
        "a_plugin_selects_or_refers",
        "istio/sidecar.yaml",
        "WasmPlugin",
        r#"{"spec":{"targetRefs":[{"group":"","kind":"Service","name":"payments"}]}}"#,
        "only one of targetRefs or selector can be set",
    ),
    (
        "a_module_comes_by_a_known_scheme",
        "istio/sidecar.yaml",
        "WasmPlugin",
        r#"{"spec":{"url":"ftp://registry.example.com/heartbeat"}}"#,
        "url must have schema one of [http, https, file, oci]",
    ),
    (
        "a_digest_is_written_without_its_algorithm",
        "istio/sidecar.yaml",
        "WasmPlugin",
        r#"{"spec":{"sha256":"sha256:00"}}"#,
        "spec.sha256",
    ),
    (
        "a_phase_is_a_known_one",
        "istio/traffic-extension.yaml",
        "TrafficExtension",
        r#"{"spec":{"phase":"FIRST"}}"#,
        "spec.phase",
    ),
    (
        "an_extension_is_wasm_or_lua",
        "istio/traffic-extension.yaml",
        "TrafficExtension",
        r#"{"spec":{"lua":{"inlineCode":"x"}}}"#,
        "spec",
    ),
    (
        "a_timeout_is_longer_than_nothing",
        "istio/external-payments.yaml",
        "VirtualService",
        r#"{"spec":{"http":[{"timeout":"0s","route":[{"destination":{"host":"a"}}]}]}}"#,
        "must be a valid duration greater than 1ms",
    ),
    (
        "ports_have_modes_only_for_selected_workloads",
        "istio/peer-authentication.yaml",
        "PeerAuthentication",
        r#"{"spec":{"selector":null}}"#,
        "portLevelMtls requires selector",
    ),
    (
        "a_policy_of_envoy_gateway_says_what_it_is_for",
        "gateway/extension-policy.yaml",
        "EnvoyExtensionPolicy",
        r#"{"spec":{"targetRefs":null}}"#,
        "either targetRef or targetRefs must be used",
    ),
    (
        "a_policy_of_envoy_gateway_is_for_gateways_and_routes",
        "gateway/extension-policy.yaml",
        "EnvoyExtensionPolicy",
        r#"{"spec":{"targetRefs":[{"group":"gateway.networking.k8s.io","kind":"Service","name":"a"}]}}"#,
        "this policy can only have a targetRefs[*].kind of",
    ),
    (
        "a_policy_of_envoy_gateway_has_the_code_that_it_says",
        "gateway/extension-policy.yaml",
        "EnvoyExtensionPolicy",
        r#"{"spec":{"wasm":[{"name":"a","code":{"type":"HTTP","image":{"url":"a"}}}]}}"#,
        "If type is HTTP, http field needs to be set",
    ),
    (
        "a_deployment_has_a_number_of_replicas",
        "istio/deployment.yaml",
        "Deployment",
        r#"{"spec":{"replicas":"two"}}"#,
        "spec.replicas",
    ),
];

fn is_admitted(tools: &Tools, manifest: &Manifest) -> Result<()> {
    let verdicts = ask(tools, std::slice::from_ref(manifest.value()))?;
    ensure!(verdicts == [""], "{}", verdicts.concat());
    Ok(())
}

fn no_key_may_be_misspelt(tools: &Tools, manifest: &Manifest) -> Result<()> {
    let (places, wrong): (Vec<_>, Vec<_>) = manifest.misspelt().into_iter().unzip();
    ensure!(!places.is_empty(), "it has no keys");
    let verdicts = ask(tools, &wrong)?;
    let passed = places.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_empty());
    let passed: Vec<_> = passed.map(|(place, _)| place.as_str()).collect();
    ensure!(passed.is_empty(), "admitted with a misspelt {}", passed.join(", "));
    Ok(())
}

fn refused(tools: &Tools, wrong: &Value, said: &str) -> Result<()> {
    let verdict = ask(tools, std::slice::from_ref(wrong))?.concat();
    ensure!(!verdict.is_empty(), "it was admitted");
    ensure!(verdict.contains(said), "refused, but for {verdict}");
    Ok(())
}

/// What is said of each resource: nothing if it is admitted.
fn ask(tools: &Tools, resources: &[Value]) -> Result<Vec<String>> {
    let mut admission = Command::new(tools.admission()?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("can't start admission")?;
    let lines: String = resources.iter().map(|resource| format!("{resource}\n")).collect();
    let mut asked = admission.stdin.take().context("no input")?;
    let writer = std::thread::spawn(move || asked.write_all(lines.as_bytes()));
    let output = admission.wait_with_output()?;
    writer.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
    ensure!(output.status.success(), "admission: {}", output.status);
    let verdicts: Vec<_> = String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect();
    ensure!(verdicts.len() == resources.len(), "{} answers", verdicts.len());
    Ok(verdicts)
}

/// Changes `value` as RFC 7396 says.
fn json_merge_patch(value: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    if let Some(object) = value.as_object_mut() {
        for (key, patch) in patch {
            if patch.is_null() {
                object.remove(key);
            } else {
                json_merge_patch(object.entry(key).or_insert(Value::Null), patch);
            }
        }
    }
}

/// The whole resources that a page shows, but for those of Prometheus's operator, whose
/// CRDs aren't among these.
fn in_page(text: &str) -> Vec<Manifest> {
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let whole = blocks.filter(|block| block.starts_with("apiVersion: "));
    let all = whole.flat_map(|block| Manifest::parse(block).unwrap_or_default());
    let version = |it: &Manifest| it.value()["apiVersion"].as_str().unwrap_or_default().to_owned();
    all.filter(|it| !version(it).starts_with("monitoring.coreos.com/")).collect()
}

/// The texts of all files with this ending below `folder`, each with its path there.
fn files(folder: &Path, ending: &str) -> Result<Vec<(String, String)>> {
    let mut found = vec![];
    let mut waiting = vec![folder.to_owned()];
    while let Some(path) = waiting.pop() {
        let entries = path.read_dir().with_context(|| path.display().to_string())?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|its| its == ending) {
                let name = path.strip_prefix(folder)?.with_extension("");
                let name = name.to_string_lossy().replace('/', "::");
                found.push((name, std::fs::read_to_string(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}
