//! How istiod takes a plugin away and brings it back: not the plugin but the listener
//! changes, loses the filter and has it again. The control plane is never asked to remove
//! what a filter still asks for, because then everything fails until the filter is gone:
//! <https://github.com/istio/istio/pull/49855>.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::tools::Tools;

use crate::channel::{Channel, Way};
use crate::load::Load;
use crate::stack::{Listeners, SOON, Stack, TIMEOUT, version};

const PER_SECOND: u32 = 200;
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// Takes the filter out of the listener under load, changes the plugin meanwhile, and
/// brings it back.
pub async fn run(tools: &Tools, way: Way) -> Result<()> {
    let listeners = Listeners::Changing { drain_time: DRAIN_TIME };
    let mut stack = Stack::start(tools, Channel::open(way).await?, listeners).await?;
    let with_filter = stack.envoy.listeners()?;
    let mut without = with_filter.clone();
    let filters = http_filters(&mut without)?;
    filters.retain(|filter| filter["name"] != stack.plugin.resource.as_str());

    let load = Load::start(stack.envoy.http, PER_SECOND);
    stack.envoy.set_listeners(&without)?;
    within(SOON, "the filter is still there", async || stack.is_gone(1).await).await?;
    // The old connections go on with it until they are drained.
    let limit = DRAIN_TIME + Duration::from_secs(3);
    let let_go = "somebody still asks for the plugin";
    within(limit, let_go, async || Ok(!stack.channel.is_asked())).await?;

    stack.channel.send(&stack.plugin.with(version(2)))?;
    stack.envoy.set_listeners(&with_filter)?;
    within(TIMEOUT, "the filter isn't back", async || stack.works(2).await).await?;
    stack.update(3).await?;
    load.end().await?;
    stack.envoy.stop()
}

fn http_filters(listeners: &mut Value) -> Result<&mut Vec<Value>> {
    let filters = listeners.pointer_mut("/0/filter_chains/0/filters/0/typed_config/http_filters");
    filters.and_then(Value::as_array_mut).context("the first listener has no HTTP filters")
}

/// Waits until something is so.
async fn within(limit: Duration, fault: &str, is_so: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !is_so().await? {
        ensure!(start.elapsed() < limit, "{fault} after {:?}", start.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
