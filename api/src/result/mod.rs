//! Results outside GraphQL: as a picture, in words, and as a table. As FHIR resources they are in [`crate::fhir`].

mod chart;
mod description;
mod drawing;
mod table;
mod words;

pub use chart::chart;
pub use description::description;
pub use table::{Row, table};

/// How many scales one picture shows at most.
pub const MOST_SCALES: usize = 6;
