//! What was compared, and what came of it.

use serde::{Deserialize, Serialize};

use crate::{
    answer::Answer,
    definition::Fact,
    form::Operator,
    phrase::{Language, capitalised},
};

/// What came of a condition: three-valued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// It holds.
    True,
    /// It does not.
    False,
    /// A fact is missing.
    Unknown,
}

impl Verdict {
    /// What the contrary comes to.
    pub const fn contrary(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// A condition's tree, flattened in reading order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trace(pub Vec<TraceLine>);

/// One node of a condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceLine {
    /// How deep it stands; the outermost is 0.
    pub depth: u32,
    /// What it is.
    pub node: TraceNode,
    /// What came of it.
    pub verdict: Verdict,
}

/// The kinds of nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TraceNode {
    /// All of what is below.
    All,
    /// Any of what is below.
    Any,
    /// The contrary of what is below.
    Not,
    /// A comparison, with the value that the fact had.
    Compare {
        /// The fact.
        fact: Fact,
        /// How it was compared.
        operator: Operator,
        /// With what.
        value: Answer,
        /// The fact's value; missing where none.
        actual: Option<Answer>,
    },
}

/// A line of a trace as people read it.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderedLine {
    /// A plain sentence, without a full stop.
    pub text: String,
    /// What came of it.
    pub verdict: Verdict,
    /// What the compared fact is called; none for a joint.
    pub fact: Option<String>,
    /// The value that the fact had; none for a joint, and where it was missing.
    pub value: Option<Answer>,
    /// How deep it stands; the outermost is 0.
    pub depth: u32,
}

impl Trace {
    /// The trace in the language of a locale: English, or Swedish.
    pub fn render(&self, locale: &str) -> Vec<RenderedLine> {
        let language = Language::of(locale);
        self.0
            .iter()
            .map(|line| {
                let (fact, value) = match &line.node {
                    TraceNode::Compare { fact, actual, .. } => (Some(language.fact(fact)), actual.clone()),
                    TraceNode::All | TraceNode::Any | TraceNode::Not => (None, None),
                };
                let text = capitalised(&sentence(language, &line.node, line.verdict));
                RenderedLine {
                    text,
                    verdict: line.verdict,
                    fact,
                    value,
                    depth: line.depth,
                }
            })
            .collect()
    }
}

fn sentence(language: Language, node: &TraceNode, verdict: Verdict) -> String {
    let (english, swedish) = match (node, verdict) {
        (TraceNode::All, Verdict::True) => ("all of this holds", "allt detta stämmer"),
        (TraceNode::All, Verdict::False) => ("not all of this holds", "allt detta stämmer inte"),
        (TraceNode::All, Verdict::Unknown) => {
            ("whether all of this holds is unknown", "om allt detta stämmer är okänt")
        }
        (TraceNode::Any, Verdict::True) => ("at least one of these holds", "minst ett av dessa stämmer"),
        (TraceNode::Any, Verdict::False) => ("none of these holds", "inget av dessa stämmer"),
        (TraceNode::Any, Verdict::Unknown) => (
            "whether any of these holds is unknown",
            "om något av dessa stämmer är okänt",
        ),
        (TraceNode::Not, Verdict::True) => ("this does not hold, as it should be", "detta stämmer inte, som sig bör"),
        (TraceNode::Not, Verdict::False) => ("this holds, though it should not", "detta stämmer, fast det inte borde"),
        (TraceNode::Not, Verdict::Unknown) => ("whether this holds is unknown", "om detta stämmer är okänt"),
        (
            TraceNode::Compare {
                fact,
                operator,
                value,
                actual,
            },
            _,
        ) => {
            return compared(language, fact, *operator, value, actual.as_ref(), verdict);
        }
    };
    language.pick(english, swedish).to_owned()
}

fn compared(
    language: Language,
    fact: &Fact,
    operator: Operator,
    wanted: &Answer,
    actual: Option<&Answer>,
    verdict: Verdict,
) -> String {
    if let (Fact::OpenFlag(of), Some(Answer::Boolean(open))) = (fact, actual) {
        return language.flag(&of.kind, *open);
    }
    let (name, is) = (language.fact(fact), language.pick("is", "är"));
    let Some(actual) = actual else {
        return format!("{name} {is} {}", language.existence(fact, false));
    };
    let actual = language.actual(fact, actual, wanted);
    let relation = language.relation(fact, operator, wanted);
    match (operator, verdict) {
        (Operator::Exists, _) | (Operator::Eq, Verdict::True) => format!("{name} {is} {actual}"),
        (_, Verdict::True) => format!("{name} {is} {actual}, {relation}"),
        (_, Verdict::False) => format!("{name} {is} {actual}, {} {relation}", language.pick("not", "inte")),
        (_, Verdict::Unknown) => {
            let cannot = language.pick("which cannot be compared with", "som inte kan jämföras med");
            format!("{name} {is} {actual}, {cannot} {}", language.value_of(fact, wanted))
        }
    }
}
