//! A policy from its first day to its last, while Envoy runs.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use testbed::tools::Tools;

use crate::bed::Bed;
use crate::policy::Policy;

/// It comes, is changed, changed for the worse, mended, and goes: whatever happens, no
/// ordinary request is lost.
pub async fn life(tools: &Tools) -> Result<()> {
    let bed = Bed::start(tools).await?;
    let policy = Policy::shipped(&bed.image)?;
    bed.gateway.apply("policy", &policy.to_string())?;
    becomes(&bed, "/lb-health", 200).await?;

    bed.gateway.apply("policy", &policy.clone().probing("/v/2")?.to_string())?;
    becomes(&bed, "/v/2", 200).await?;
    bed.took_all().await?;

    // Whichever way it may fail: what was there before goes on.
    for (times, open) in [(1, false), (2, true)] {
        let wrong = policy.clone().misspelt()?.fail_open(open)?;
        bed.gateway.apply("policy", &wrong.to_string())?;
        bed.logs("Envoy rejected the last update", times).await?;
        bed.logs(r#"probs: unknown key; did you mean "probes"?"#, times).await?;
        bed.goes_on_answering("/v/2", 200).await?;
        bed.answers("/orders/1", 200).await?;
    }

    bed.gateway.apply("policy", &policy.probing("/v/3")?.to_string())?;
    becomes(&bed, "/v/3", 200).await?;
    bed.answers("/v/2", 404).await?;

    bed.gateway.remove("policy")?;
    becomes(&bed, "/v/3", 404).await
}

/// A path is answered so before long, and meanwhile no order fails.
async fn becomes(bed: &Bed, path: &str, status: u16) -> Result<()> {
    let start = Instant::now();
    while bed.get(path).await?.status != status {
        let order = bed.get("/orders/1").await?;
        ensure!(order.status == 200, "an order got {} before {path} {status}", order.status);
        ensure!(start.elapsed() < Duration::from_secs(30), "{path} isn't {status}");
    }
    bed.answers(path, status).await?;
    bed.answers("/orders/1", 200).await
}
