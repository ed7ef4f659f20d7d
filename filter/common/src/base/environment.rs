//! Where a plugin runs.

/// Where a plugin runs.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The proxy's own service cluster (`node.cluster`), which the prober is
    /// told; it may be empty.
    pub service_cluster: String,
    /// Tells the plugin apart from the others of the proxy.
    pub plugin: String,
    /// The module.
    pub build: Build,
    /// What the configuration may refer to.
    pub variables: Variables,
}

/// The variables of the VM's environment, by their names: in Envoy `environment_variables` of
/// its `vm_config`, in Istio `vmConfig.env`.
#[derive(Clone, Copy, Debug)]
pub struct Variables(pub fn(&str) -> Option<String>);

/// There are none.
impl Default for Variables {
    fn default() -> Self {
        Self(|_| None)
    }
}

/// Which module it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// The commit that it was built from.
    pub revision: &'static str,
}
