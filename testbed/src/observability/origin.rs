//! What a page says of where it comes from.

use anyhow::Result;
use chrono::DateTime;
use clap::Args;

use crate::prometheus::Api;

/// Whom to ask.
#[derive(Args, Debug)]
pub struct Where {
    /// Its URL, with a path in front of /api and a name and a password as need be:
    /// https://NAME:PASSWORD@HOST/PATH.
    #[arg(long = "prometheus", value_name = "URL")]
    url: String,
}

/// Where what is shown comes from, and when that was.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The URL, without a password.
    pub url: String,
    /// The moment.
    pub time: String,
}

impl Where {
    /// The Prometheus there.
    pub fn api(&self) -> Result<Api> {
        Api::at(&self.url)
    }
}

impl Origin {
    /// What is asked of it, at a moment in seconds since 1970.
    pub fn new(api: &Api, time: f64) -> Self {
        Self { url: api.shown(), time: clock(time, "%Y-%m-%d %H:%M:%S UTC") }
    }
}

/// A moment in UTC.
pub fn clock(seconds: f64, format: &str) -> String {
    let moment = DateTime::from_timestamp(seconds as i64, 0).unwrap_or_default();
    moment.format(format).to_string()
}
