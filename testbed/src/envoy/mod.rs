//! Real Envoys: started from a shipped configuration, on free ports, next to a
//! given application.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use testbed::{app::Application, envoy::{EnvoyBuilder, PluginConfig}, tools::{self, Tools}};
//!
//! let tools = Tools::from_env(std::env::current_exe()?);
//! let app = Application::start(&tools)?;
//! let envoy = EnvoyBuilder::new(&tools, &tools::envoy_configs().join("static/envoy.yaml"))?
//!     .application("app", &app.addresses)
//!     .plugin_config(PluginConfig::Text("{}".into()))
//!     .start()
//!     .await?;
//! println!("listening on {}", envoy.http);
//! # Ok(())
//! # }
//! ```

mod addresses;
mod admin;
mod builder;
mod clock;
mod config;
mod dynamic;
mod hosted;
mod istio;
mod listeners;
pub mod memory;
pub mod merge;
pub mod port;
mod process;
mod recipe;
mod reload;
mod walk;

pub use self::builder::{EnvoyBuilder, Ports};
pub use self::config::PluginConfig;
pub use self::process::{Envoy, Refused};
pub use self::reload::Reloaded;
