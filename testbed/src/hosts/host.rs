//! A container as a host: what it takes to make it ill and well again.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::condition::Condition;
use super::engine::Engine;

/// How a slow host sends: netem delays every packet where the kernel has it; token
/// buckets, which are more widespread, let through 2 kB a second.
const SLOW: [&[&str]; 2] =
    [&["netem", "delay", "2500ms"], &["tbf", "rate", "16kbit", "burst", "1600", "latency", "30s"]];

/// A network of the testbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// From Envoy to the application.
    Mesh,
    /// From the prober to the application's control port.
    Control,
    /// From the prober and Prometheus to Envoy.
    Edge,
}

/// A container.
#[derive(Clone, Debug)]
pub struct Host {
    engine: Engine,
    project: String,
    service: String,
    id: String,
}

impl Host {
    pub(super) fn new(engine: Engine, project: &str, service: &str, id: &str) -> Self {
        Self { engine, project: project.into(), service: service.into(), id: id.into() }
    }

    /// Its container's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The service that it is there for; its name in the networks.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Its address in a network that it belongs to.
    pub async fn address(&self, network: Network) -> Result<IpAddr> {
        let state = self.inspect().await?;
        let address = self.endpoint(&state, network)["IPAddress"].as_str().unwrap_or_default();
        address
            .parse()
            .with_context(|| format!("{} has no address in {}", self.service, network.key()))
    }

    /// Whether its processes run, frozen or not.
    pub async fn is_running(&self) -> Result<bool> {
        Ok(self.inspect().await?["State"]["Running"] == true)
    }

    /// How its last run ended.
    pub async fn exit_code(&self) -> Result<u8> {
        let state = self.inspect().await?;
        let code = state.pointer("/State/ExitCode").and_then(Value::as_u64);
        Ok(code.and_then(|code| code.try_into().ok()).unwrap_or(u8::MAX))
    }

    /// Starts it, unless it runs.
    pub async fn start(&self) -> Result<()> {
        self.order("start").await
    }

    /// Ends it at once.
    pub async fn stop(&self) -> Result<()> {
        self.order("stop?t=0").await
    }

    /// Makes it so in the mesh, whatever it was before.
    pub async fn set_condition(&self, condition: Condition) -> Result<()> {
        self.recover().await?;
        match condition {
            Condition::Well => Ok(()),
            Condition::Stopped => self.stop().await,
            Condition::Paused => self.order("pause").await,
            Condition::Unplugged => self.disconnect().await,
            Condition::Mute => self.link(&self.device().await?, "down").await,
            Condition::Slow => self.slow_down().await,
            Condition::Nameless => {
                self.disconnect().await?;
                self.connect(&[]).await
            }
        }
    }

    async fn recover(&self) -> Result<()> {
        let state = self.inspect().await?;
        if state["State"]["Paused"] == true {
            self.order("unpause").await?;
        }
        if state["State"]["Running"] != true {
            self.start().await?;
        }
        let endpoint = self.endpoint(&state, Network::Mesh);
        let named = endpoint["Aliases"].as_array().is_some_and(|aliases| {
            aliases.iter().any(|alias| alias.as_str() == Some(&self.service))
        });
        if !named {
            if endpoint.is_object() {
                self.disconnect().await?;
            }
            return self.connect(&[&self.service]).await;
        }
        let device = self.device().await?;
        self.link(&device, "up").await?;
        // It fails where nothing holds anything up.
        let _ = self.execute(&["tc", "qdisc", "del", "dev", &device, "root"]).await;
        Ok(())
    }

    async fn disconnect(&self) -> Result<()> {
        let order = json!({ "Container": self.id, "Force": true });
        let path = format!("/networks/{}/disconnect", self.network(Network::Mesh));
        self.engine.post(&path, &order).await.map(drop)
    }

    async fn connect(&self, names: &[&str]) -> Result<()> {
        let order = json!({ "Container": self.id, "EndpointConfig": { "Aliases": names } });
        let path = format!("/networks/{}/connect", self.network(Network::Mesh));
        self.engine.post(&path, &order).await.map(drop)
    }

    /// Takes the first way to slow it down that the kernel knows.
    async fn slow_down(&self) -> Result<()> {
        let device = self.device().await?;
        let mut reasons = Vec::new();
        for way in SLOW {
            let tc = [&["tc", "qdisc", "replace", "dev", device.as_str(), "root"], way].concat();
            match self.execute(&tc).await {
                Ok(_) => return Ok(()),
                Err(error) => reasons.push(format!("{error:#}")),
            }
        }
        bail!("can't slow {} down: {}", self.service, reasons.join("; "))
    }

    async fn link(&self, device: &str, state: &str) -> Result<()> {
        self.execute(&["ip", "link", "set", "dev", device, state]).await.map(drop)
    }

    /// Its device in the mesh: which one it is changes when it is plugged in anew.
    async fn device(&self) -> Result<String> {
        let address = self.address(Network::Mesh).await?;
        let listed = self.execute(&["ip", "-oneline", "-4", "address", "show"]).await?;
        device_of(&listed, address).with_context(|| format!("no device has {address}:\n{listed}"))
    }

    /// Runs a program there and returns its output; fails if it fails.
    async fn execute(&self, command: &[&str]) -> Result<String> {
        let order = json!({ "Cmd": command, "AttachStdout": true, "AttachStderr": true });
        let created = self.engine.post(&format!("/containers/{}/exec", self.id), &order).await?;
        let id = created["Id"].as_str().context("an exec without an id")?;
        let output = self
            .engine
            .run(&format!("/exec/{id}/start"), &json!({ "Detach": false, "Tty": false }))
            .await?;
        // It may still count as running for a moment.
        let code = loop {
            let state = self.engine.get(&format!("/exec/{id}/json")).await?;
            if state["Running"] != true {
                break state["ExitCode"].clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        ensure!(code == 0, "{}: {}", command.join(" "), output.trim());
        Ok(output)
    }

    async fn order(&self, verb: &str) -> Result<()> {
        self.engine.post(&format!("/containers/{}/{verb}", self.id), &Value::Null).await.map(drop)
    }

    async fn inspect(&self) -> Result<Value> {
        self.engine.get(&format!("/containers/{}/json", self.id)).await
    }

    fn endpoint<'a>(&self, state: &'a Value, network: Network) -> &'a Value {
        &state["NetworkSettings"]["Networks"][self.network(network)]
    }

    fn network(&self, network: Network) -> String {
        format!("{}_{}", self.project, network.key())
    }
}

impl Network {
    fn key(self) -> &'static str {
        match self {
            Self::Mesh => "mesh",
            Self::Control => "control",
            Self::Edge => "edge",
        }
    }
}

/// The device that has `address` in a list such as `7: eth0    inet 172.18.0.3/16 …`.
fn device_of(listed: &str, address: IpAddr) -> Option<String> {
    let address = format!("{address}/");
    listed.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let device = words.nth(1)?;
        words.nth(1)?.starts_with(&address).then(|| device.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_by_its_address() {
        let listed = "1: lo    inet 127.0.0.1/8 scope host lo\\ valid_lft forever\n\
                      11: eth0    inet 172.18.0.30/16 brd 172.18.255.255 scope global eth0\n\
                      13: eth1    inet 172.18.0.3/16 brd 172.18.255.255 scope global eth1\n";
        let device = |address: &str| device_of(listed, address.parse().unwrap());
        assert_eq!(device("172.18.0.3").as_deref(), Some("eth1"));
        assert_eq!(device("172.18.0.30").as_deref(), Some("eth0"));
        assert_eq!(device("172.18.0.4"), None);
    }
}
