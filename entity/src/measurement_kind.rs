//! What can be measured in a version of a program: weight, pulse, steps, mood.

use rules::{definition::Unit, text::Text, validate::MeasurementShape};
use serde::{Deserialize, Serialize};

/// Something that citizens measure and register as a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeasurementKind {
    /// Unique among those of the version.
    pub key: String,
    /// What it is called.
    pub title: Text,
    /// What it is counted in.
    pub unit: MeasurementUnit,
    /// The least that can be registered.
    pub min: f64,
    /// The most that can be registered.
    pub max: f64,
    /// How many decimals can be registered.
    #[serde(default)]
    pub decimals: u8,
}

/// What something is counted in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeasurementUnit {
    /// The unit's code of UCUM (<https://ucum.org>), for machines: `kg`, `/min`, `{steps}`, or `1` for a mere number.
    pub code: String,
    /// The unit as people read it.
    pub label: Text,
}

/// The most decimals of any kind.
pub const MOST_DECIMALS: u8 = 6;

impl MeasurementKind {
    /// The kind as rules know it.
    pub fn shape(&self) -> MeasurementShape {
        let label = |locale: &str| self.unit.label.get(locale).to_owned();
        MeasurementShape {
            key: self.key.clone(),
            unit: Unit {
                en: label("en"),
                sv: label("sv"),
            },
            min: self.min,
            max: self.max,
            decimals: u32::from(self.decimals),
        }
    }

    /// Whether a number has no more decimals than the kind.
    pub fn is_exact(&self, value: f64) -> bool {
        let shift = 10_f64.powi(i32::from(self.decimals.min(MOST_DECIMALS)));
        let shifted = value * shift;
        // A decimal number is seldom exact in binary: what is left is of the order of its rounding.
        (shifted - shifted.round()).abs() <= f64::EPSILON * shifted.abs().max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_counted_as_people_write_them() {
        let kind = |decimals| MeasurementKind {
            key: "weight".to_owned(),
            title: Text::new("sv", "Vikt"),
            unit: MeasurementUnit {
                code: "kg".to_owned(),
                label: Text::new("sv", "kg"),
            },
            min: 0.0,
            max: 500.0,
            decimals,
        };
        for tenths in 0..5_000_u32 {
            assert!(kind(1).is_exact(f64::from(tenths) / 10.0), "{tenths}");
        }
        assert!(!kind(1).is_exact(72.45) && kind(2).is_exact(72.45));
        assert!(kind(0).is_exact(72.0) && !kind(0).is_exact(72.1));
    }
}
