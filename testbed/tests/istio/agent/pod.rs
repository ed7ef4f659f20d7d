//! Pods: processes with a network, a file system and process ids of their own, on a node
//! that is the test's own network.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};
use tempfile::TempDir;
use testbed::app::Application;
use testbed::child::Child;
use testbed::client::http::{self, Request, Response};
use testbed::tools::Tools;

use crate::network::run;

/// Mounts what a container of Istio's proxy has at fixed places: Envoy, the folder for
/// modules, and the names that the cluster's DNS knows.
const MOUNTS: &str = r#"set -e
mount -t tmpfs tmpfs /var/lib && mkdir -p /var/lib/istio/data
mount -t tmpfs tmpfs /usr/local/bin && ln -s "$1" /usr/local/bin/envoy
mount --bind "$2" /etc/hosts
echo ready && exec sleep infinity"#;

/// A pod; everything in it ends when this is dropped.
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its account.
    pub account: String,
    /// Its address.
    pub address: Ipv4Addr,
    namespaces: PathBuf,
    home: TempDir,
    _first: Child,
}

impl Pod {
    /// Starts one in the namespace `shop` with nothing in it. Its number makes its address;
    /// `istiod` is where the control plane's name leads.
    pub fn start(
        tools: &Tools,
        name: &str,
        account: &str,
        number: u8,
        istiod: Ipv4Addr,
    ) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("testbed-pod-").tempdir()?;
        let hosts = home.path().join("hosts");
        // Envoy isn't ready before it knows the addresses of all that it may call.
        let names = [
            (Ipv4Addr::LOCALHOST, "localhost"),
            (istiod, "istiod.istio-system.svc"),
            (HUB, "heartbeat-hub.east.example"),
            (HUB, "payments.example.com"),
        ];
        let names = names.map(|(address, name)| format!("{address} {name}\n"));
        fs::write(&hosts, names.concat())?;

        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child"]);
        command.args(["sh", "-c", MOUNTS, "sh"]).arg(tools.envoy()?.canonicalize()?).arg(hosts);
        let mut first = Child::spawn(command.stdout(Stdio::piped()))?;
        let output = first.take_stdout().context("its output isn't piped")?;
        BufReader::new(output).read_line(&mut String::new())?;
        // The process with id 1 in there.
        let id = first.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let inner: u32 = children.trim().parse().context("the pod ended")?;

        let address = Ipv4Addr::new(10, 77, number, 2);
        let pod = Self {
            name: name.into(),
            account: account.into(),
            address,
            namespaces: PathBuf::from(format!("/proc/{inner}/ns")),
            home,
            _first: first,
        };
        pod.connect(number, inner)?;
        Ok(pod)
    }

    /// Gives it a link to the node, by which everything leaves it.
    fn connect(&self, number: u8, inner: u32) -> Result<()> {
        let (link, gateway) = (format!("pod{number}"), Ipv4Addr::new(10, 77, number, 1));
        let node = |setting: String| run(Command::new("ip").args(setting.split(' ')));
        node(format!("link add {link} type veth peer name eth0 netns {inner}"))?;
        node(format!("address add {gateway}/24 dev {link}"))?;
        node(format!("link set {link} up"))?;
        for setting in [
            "link set lo up".into(),
            format!("address add {}/24 dev eth0", self.address),
            "link set eth0 up".into(),
            format!("route add default via {gateway}"),
        ] {
            run(self.command("ip").args(setting.split(' ')))?;
        }
        Ok(())
    }

    /// The folder that programs in it start in.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A program in it.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        for (option, kind) in [("net", "net"), ("mount", "mnt"), ("pid", "pid_for_children")] {
            command.arg(format!("--{option}={}", self.namespaces.join(kind).display()));
        }
        let root = self.namespaces.with_file_name("root");
        command.arg(format!("--root={}", root.display()));
        command.arg("env").arg("--chdir").arg(self.home.path()).arg(program);
        command
    }

    /// A program in it that runs on, and what it says goes into a file.
    pub fn spawn(&self, command: &mut Command, log: &str) -> Result<Child> {
        let output = File::create(self.home.path().join(log))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Child::spawn(command)
    }

    /// What a program has said.
    pub fn log(&self, log: &str) -> String {
        fs::read_to_string(self.home.path().join(log)).unwrap_or_default()
    }

    /// Starts the application in it, with this port for HTTP.
    pub fn application(&self, tools: &Tools, http: u16) -> Result<Application> {
        let mut command = self.command(tools.testbed());
        command.args(["app", "--bind", "0.0.0.0", "--http-port", &http.to_string()]);
        let control = (http + CONTROL).to_string();
        let mut application = Application::by(command.args(["--control-port", &control]))?;
        let addresses = &mut application.addresses;
        for address in [&mut addresses.http, &mut addresses.grpc, &mut addresses.control] {
            address.set_ip(self.address.into());
        }
        Ok(application)
    }

    /// Sends a request from within it, by an application's connection.
    pub async fn fetch(&self, to: SocketAddr, request: Request) -> Result<Response> {
        let network = self.namespaces.join("net");
        let ask = move || -> Result<Response> {
            let network = File::open(network)?;
            // Of this thread alone, which ends with the request.
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(http::fetch(to, &request))
        };
        let asking = std::thread::spawn(ask);
        while !asking.is_finished() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        asking.join().ok().context("the request's thread ended badly")?
    }

    /// As the API server has it.
    pub fn resource(&self, template: &Value) -> String {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": self.name, "namespace": "shop",
                "labels": template["metadata"]["labels"],
                "annotations": template["metadata"]["annotations"] },
            "spec": { "serviceAccountName": self.account, "nodeName": "node",
                "containers": [{ "name": "application", "image": "application" }] },
            "status": { "phase": "Running", "podIP": self.address.to_string(),
                "podIPs": [{ "ip": self.address.to_string() }],
                "conditions": [{ "type": "Ready", "status": "True" }] },
        })
        .to_string()
    }
}

/// Where the shipped files' hub is.
pub const HUB: Ipv4Addr = Ipv4Addr::new(10, 77, 9, 2);

/// So far from its port for HTTP is the one by which it is made to misbehave.
pub const CONTROL: u16 = 10_000;
