//! What a real registry makes of what was packed.

use std::fs;
use std::path::Path;
use std::process::Command;

use heartbeat_image::blob::sha256;
use heartbeat_image::layout;
use heartbeat_image::product::{FILTER, HUB};

use crate::registry::{self, pull};
use crate::{TOOL, complaint, dist, images, istio, module, output};

/// `heartbeat:let me in`, as htpasswd writes it.
const USER: &str = "heartbeat:$2a$04$btiBeHZi7MVwBSQ85iCAIO6EhvsQjKEVHqsBKWzUuLnnaTsZ2g88a\n";

#[test]
fn both_forms_of_both_modules_come_back_byte_for_byte_and_istio_takes_them() {
    let registry = registry::open();
    let image = format!("{}/some/where/heartbeat-filter:1.0", registry.address);
    let hub = format!("{}/some/where/heartbeat-hub:1.0", registry.address);
    let nobody = tempfile::tempdir().unwrap();
    let said = output(&mut push(&image, nobody.path()));

    for (product, image) in [(&FILTER, image), (&HUB, hub)] {
        for (kind, suffix) in [("image", ""), ("artifact", "-artifact")] {
            let (manifest, blobs) = layout::read(&images(product).join(kind)).unwrap();
            let by_digest = format!("{image}{suffix}@{}", manifest.digest());
            assert!(said.contains(&by_digest), "{said}");

            let by_tag = format!("{image}{suffix}");
            let without_tag = image.trim_end_matches(":1.0");
            for reference in [by_tag, format!("{without_tag}@{}", manifest.digest())] {
                let (pulled, digest, pulled_blobs) = pull(&reference);
                assert_eq!(pulled, manifest.bytes, "{reference}");
                assert_eq!(digest, format!("sha256:{}", sha256(&pulled)), "{reference}");
                for blob in &blobs {
                    assert!(pulled_blobs[&blob.digest()] == blob.bytes, "{reference}");
                }
                let taken = istio::module(&pulled, &pulled_blobs).unwrap();
                assert!(taken == module(product), "{reference} holds another module");
            }
        }
    }
}

#[test]
fn the_hub_goes_where_it_is_told() {
    let registry = registry::open();
    let image = format!("{}/heartbeat-filter:1.0", registry.address);
    let hub = format!("{}/heartbeat-filter:1.0-hub", registry.address);
    let nobody = tempfile::tempdir().unwrap();
    output(push(&image, nobody.path()).args(["--hub", &hub]));
    for (product, image) in [(&FILTER, image), (&HUB, hub)] {
        let (manifest, _, blobs) = pull(&image);
        assert!(istio::module(&manifest, &blobs).unwrap() == module(product), "{image}");
    }
}

#[test]
fn pushing_again_changes_nothing() {
    let registry = registry::open();
    let image = format!("{}/heartbeat-filter:1.0", registry.address);
    let nobody = tempfile::tempdir().unwrap();
    let first = output(&mut push(&image, nobody.path()));
    assert_eq!(output(&mut push(&image, nobody.path())), first);
}

#[test]
fn a_registry_that_wants_a_login_gets_what_docker_keeps() {
    let registry = registry::for_user(USER);
    let image = format!("{}/heartbeat-filter:1.0", registry.address);
    let config = tempfile::tempdir().unwrap();

    let complaint_without = complaint(&mut push(&image, config.path()));
    let mend = format!("docker login {}", registry.address);
    assert!(complaint_without.contains(&mend), "{complaint_without}");

    login(config.path(), &registry.address, "aGVhcnRiZWF0Ondyb25n");
    let complaint_wrong = complaint(&mut push(&image, config.path()));
    assert!(complaint_wrong.contains(&mend), "{complaint_wrong}");

    // "heartbeat:let me in"
    login(config.path(), &registry.address, "aGVhcnRiZWF0OmxldCBtZSBpbg==");
    output(&mut push(&image, config.path()));
}

#[test]
fn a_helper_is_asked_for_the_credentials() {
    let registry = registry::for_user(USER);
    let image = format!("{}/heartbeat-filter:1.0", registry.address);
    let folder = tempfile::tempdir().unwrap();
    let helper = folder.path().join("docker-credential-test");
    let script =
        "#!/bin/sh\ncat >/dev/null\necho '{\"Username\":\"heartbeat\",\"Secret\":\"let me in\"}'\n";
    fs::write(&helper, script).unwrap();
    output(Command::new("chmod").arg("+x").arg(&helper));
    fs::write(folder.path().join("config.json"), r#"{ "credsStore": "test" }"#).unwrap();

    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", folder.path().display());
    output(push(&image, folder.path()).env("PATH", path));
}

#[test]
fn a_docker_config_that_is_broken_is_named() {
    let config = tempfile::tempdir().unwrap();
    fs::write(config.path().join("config.json"), "{").unwrap();
    let complaint = complaint(&mut push("127.0.0.1:1/heartbeat-filter:1.0", config.path()));
    assert!(complaint.contains(config.path().to_str().unwrap()), "{complaint}");
}

#[test]
fn where_nothing_listens_the_name_is_doubted() {
    let nobody = tempfile::tempdir().unwrap();
    let complaint = complaint(&mut push("127.0.0.1:1/heartbeat-filter:1.0", nobody.path()));
    assert!(complaint.contains("is 127.0.0.1:1 the right name"), "{complaint}");
}

#[test]
fn an_image_without_a_tag_is_refused_with_the_mend() {
    let nobody = tempfile::tempdir().unwrap();
    let complaint = complaint(&mut push("127.0.0.1:1/heartbeat-filter", nobody.path()));
    assert!(complaint.contains("no tag; write registry.example.com/name:tag"), "{complaint}");
}

/// `docker_config` keeps the credentials of whoever runs the test out of it.
fn push(image: &str, docker_config: &Path) -> Command {
    let mut command = Command::new(TOOL);
    command.args(["push", "--images"]).arg(dist().join("image")).arg(image);
    command.env("DOCKER_CONFIG", docker_config);
    command
}

fn login(docker_config: &Path, registry: &str, auth: &str) {
    let config = format!(r#"{{ "auths": {{ "{registry}": {{ "auth": "{auth}" }} }} }}"#);
    fs::write(docker_config.join("config.json"), config).unwrap();
}
