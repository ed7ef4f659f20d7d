//! Two hubs that follow each other.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde_json::{Value, json};
use testbed::client::tls::Authority;
use testbed::mesh::{self, Hub, Place, Source};

use crate::polls::{INSTANCE, instance};
use crate::stack::{SOON, config, eventually, is_well, source};
use crate::trial;
use crate::verdicts::{becomes, stays};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("each_other::hubs_pass_a_verdict_on_and_let_go_of_it", verdict_passes),
        trial("each_other::a_suspicion_is_not_borne_out_by_its_own_echo", no_echo),
        trial("each_other::the_words_of_a_hub_that_is_gone_count_no_more", gone),
    ]
}

/// Two hubs, each with a source of its own that posts: number 1 in the east, 2 in the west.
struct Pair {
    east: Hub,
    west: Hub,
}

impl Pair {
    async fn start() -> Result<Self> {
        let authority = mesh::authority()?;
        let places = [Place::choose()?, Place::choose()?];
        let [east, west] = places.map(|place| place.mesh());
        let pair = Self {
            east: hub(&authority, places[0], source("east-istio", 1), west).await?,
            west: hub(&authority, places[1], source("west-istio", 2), east).await?,
        };
        // A hub is silent for a while to which nobody has spoken.
        Source::new(1, pair.east.people).says(instance(), "pass").await?;
        heard(&pair.east).await?;
        heard(&pair.west).await?;
        Ok(pair)
    }

    async fn become_(&self, verdict: &str) -> Result<()> {
        becomes(&self.east, instance(), verdict, SOON).await?;
        becomes(&self.west, instance(), verdict, SOON).await?;
        Ok(())
    }

    async fn stay(&self, verdict: &str) -> Result<()> {
        let time = Duration::from_secs(1);
        tokio::try_join!(
            stays(&self.east, instance(), verdict, time),
            stays(&self.west, instance(), verdict, time),
        )?;
        Ok(())
    }

    fn sources(&self) -> [Source; 2] {
        [Source::new(1, self.east.people), Source::new(2, self.west.people)]
    }

    async fn are_well(&self) -> Result<()> {
        is_well(&self.east).await?;
        is_well(&self.west).await
    }
}

/// Waits until the other hub has answered this one. The first to start has found nobody, and
/// asks again later each time.
async fn heard(hub: &Hub) -> Result<()> {
    let stat = "/stats?filter=^cluster.hub_west.upstream_rq_200$";
    eventually(Duration::from_secs(10), async || {
        let page = hub.envoy.admin_get(stat).await?;
        let count = page.trim().rsplit(": ").next().unwrap_or_default();
        ensure!(count.parse().is_ok_and(|count: u64| count > 0), "not yet heard: {page:?}");
        Ok(())
    })
    .await
    .map(drop)
}

async fn hub(authority: &Authority, at: Place, own: Value, other: SocketAddr) -> Result<Hub> {
    let mut config = config(&[instance()], &json!({}));
    let hub = json!({ "cluster": "hub_west", "wait": "2s", "timeout": "1s" });
    config["sources"] = json!([own, { "name": "other", "hub": hub }]);
    let builder = mesh::envoy_of_hub(&crate::tools(), authority, &config)?;
    Hub::start_at(builder.destination("hub_west", other), at).await
}

async fn verdict_passes() -> Result<()> {
    let pair = Pair::start().await?;
    let [mut east, _] = pair.sources();
    for _ in 0..2 {
        east.says(instance(), "fail").await?;
        pair.become_("dead").await?;
        east.says(instance(), "pass").await?;
        pair.become_("alive").await?;
    }
    east.says(instance(), "draining").await?;
    pair.become_("draining").await?;
    east.says(instance(), "pass").await?;
    pair.become_("alive").await?;
    pair.are_well().await
}

async fn no_echo() -> Result<()> {
    let pair = Pair::start().await?;
    let [mut east, mut west] = pair.sources();
    east.says(instance(), "pass").await?;
    west.says(instance(), "pass").await?;
    pair.become_("alive").await?;
    // One of two convicts nobody, though each hears of it from the other, too.
    east.says(instance(), "fail").await?;
    pair.become_("suspected").await?;
    pair.stay("suspected").await?;
    east.says(instance(), "pass").await?;
    pair.become_("alive").await?;
    pair.stay("alive").await?;
    pair.are_well().await
}

async fn gone() -> Result<()> {
    let pair = Pair::start().await?;
    let [mut east, mut west] = pair.sources();
    east.says(instance(), "pass").await?;
    west.says(instance(), "fail").await?;
    pair.become_("suspected").await?;
    pair.west.envoy.signal(Signal::KILL)?;
    becomes(&pair.east, instance(), "alive", SOON).await?;
    stays(&pair.east, instance(), "alive", Duration::from_secs(1)).await?;
    eventually(SOON, async || {
        let log = pair.east.envoy.log()?;
        ensure!(log.contains(r#"source "other": the hub can't be heard"#), "{log}");
        Ok(())
    })
    .await?;
    let answer = pair.east.get(&format!("/mesh/v1/health/payments/{INSTANCE}")).await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    is_well(&pair.east).await
}
