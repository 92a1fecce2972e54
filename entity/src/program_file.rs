//! A program version as it is written in a file, before it is imported (see [`crate::action::program`]).

use rules::{period::Period, text::Text};
use serde::{Deserialize, Serialize};

use crate::{feature::Features, measurement_kind::MeasurementKind, program::ProgramKind};

/// A version of a program with everything in it but its forms, which stand in files of their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProgramFile {
    /// The program's name in addresses.
    pub slug: String,
    /// What it is for.
    pub kind: ProgramKind,
    /// The version: `major.minor`.
    pub version: String,
    /// How long an enrollment lasts; without end where absent.
    #[serde(default)]
    pub duration: Option<Period>,
    /// How long citizens can read an enrollment after its end (`P0D`: not at all); without end where absent.
    #[serde(default)]
    pub readable_for: Option<Period>,
    /// Within how many working days of the unit messages are answered (0: the same day); as the unit promises where absent.
    #[serde(default)]
    pub answer_within: Option<i32>,
    /// What it is called.
    pub title: Text,
    /// What it is about, in a few sentences without formatting.
    pub summary: Text,
    /// Which functions the version offers, by name.
    #[serde(default)]
    pub features: Features,
    /// What citizens measure.
    #[serde(default)]
    pub measurements: Vec<MeasurementKind>,
    /// The keys of the forms that it uses: in its blocks, or sent by its rules and by hand.
    #[serde(default)]
    pub forms: Vec<String>,
    /// Its modules, in order.
    pub modules: Vec<ModuleFile>,
}

/// A module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModuleFile {
    /// Unique among the modules of the version.
    pub key: String,
    /// What it is called.
    pub title: Text,
    /// `START`, `LOCKED`, or the ISO 8601 duration after the start after which it opens.
    pub opens: String,
    /// The keys of the modules that must be completed before it opens.
    #[serde(default)]
    pub prerequisites: Vec<String>,
    /// Its sections, in order.
    pub sections: Vec<SectionFile>,
}

/// A section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SectionFile {
    /// Unique among the sections of the version.
    pub key: String,
    /// What it is called.
    pub title: Text,
    /// Its steps, in order.
    pub steps: Vec<StepFile>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepFile {
    /// Unique among the steps of the version.
    pub key: String,
    /// What it is called.
    pub title: Text,
    /// How long it takes, in minutes.
    #[serde(default)]
    pub minutes: Option<u16>,
    /// Its blocks, in order.
    pub blocks: Vec<BlockFile>,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum BlockFile {
    /// Formatted text, HTML.
    Text(Text),
    /// A picture.
    Image {
        /// Where it is.
        url: String,
        /// What it shows, for those who cannot see it.
        alt: Text,
    },
    /// A film.
    Video {
        /// Where it is.
        url: String,
        /// Its length.
        #[serde(default)]
        seconds: Option<u32>,
        /// Where its captions are (WebVTT), by language.
        #[serde(default)]
        captions: Text,
    },
    /// A recording.
    Audio {
        /// Where it is.
        url: String,
        /// Its length.
        #[serde(default)]
        seconds: Option<u32>,
        /// What is said.
        #[serde(default)]
        transcript: Text,
    },
    /// Something to download.
    File {
        /// Where it is.
        url: String,
        /// What it is called.
        title: Text,
    },
    /// A form, by its key.
    Form(String),
    /// A form without scales, by its key.
    Exercise(String),
}
