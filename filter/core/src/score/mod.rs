//! The health score: 0 (dead) to 1000 (faultless), from three axes.
//!
//! Each axis says how well one thing stands, from 0 to 1, or abstains where it has
//! too little to go by. The score is their geometric mean, weighted:
//!
//! `1000 × (topology^w₁ × stability^w₂ × protocol^w₃) ^ (1 / (w₁ + w₂ + w₃))`
//!
//! over the axes that speak. In a geometric mean a dead axis shows, however well
//! the others stand: what is 0 makes all of it 0.

mod axis;
mod keeper;
mod protocol;
mod rule;
mod sample;
mod stability;
mod topology;

pub use axis::{Axis, AxisName};
pub use keeper::{EVERY, ScoreKeeper, Scored};
pub use protocol::ProtocolAxis;
pub(crate) use rule::PARTS;
pub use rule::{Alpn, ProtocolRule, ScoreRule, TlsVersion, Weight};
pub use sample::{Live, Sample};
pub use stability::StabilityAxis;
pub use topology::{Cluster, TopologyAxis};

/// What the score says of a proxy that has nothing to be blamed for.
pub const FAULTLESS: u16 = 1_000;

/// What the axes say, in the order of [`AxisName::ALL`].
pub type Readings = [Option<f64>; 3];

/// The weighted geometric mean of the axes that speak and count, in thousandths;
/// `None` where none does.
pub fn combine(weights: &[Weight; 3], readings: &Readings) -> Option<u16> {
    let (mut logarithm, mut whole) = (0.0, 0.0);
    for (weight, reading) in weights.iter().zip(readings) {
        let (weight, Some(reading)) = (weight.value(), reading) else { continue };
        if weight > 0.0 {
            logarithm += weight * reading.ln(); // Minus infinity for a dead axis.
            whole += weight;
        }
    }
    (whole > 0.0).then(|| thousandths((logarithm / whole).exp()))
}

/// A number from 0 to 1 in thousandths, rounded.
pub fn thousandths(value: f64) -> u16 {
    // A cast can't overflow: it stops at the ends, and makes 0 of what is no number.
    ((value * f64::from(FAULTLESS)).round() as u16).min(FAULTLESS)
}

/// `part` of `whole`, from 0 to 1.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64).min(1.0) }
}

#[cfg(test)]
mod tests;
