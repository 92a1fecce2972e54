//! Statistics of units and care providers: their numbers beside those of an independent count, what is hidden of small groups,
//! who reads them, and how many statements that takes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod numbers;
mod population;
mod reading;
mod small;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use tests::app::TestApp;

fn morning() -> DateTime<Utc> {
    "2027-01-04T08:00:00Z".parse().unwrap()
}

/// Everything that statistics tell.
const FIELDS: &str = "
    from to
    enrollments { count suppressed }
    enrollmentsByStatus { status enrollments { count suppressed } }
    completion { share count of suppressed }
    dropOut { enrollments { count suppressed }
        byModule { programSlug moduleKey moduleTitle(locale: \"sv\") enrollments { count suppressed } } }
    adherence { share count of suppressed }
    outcomes { formKey scaleKey formTitle(locale: \"sv\") scaleLabel(locale: \"sv\") enrollments { count suppressed }
        meanFirst meanLast meanChange
        reliablyImproved { share count of suppressed }
        notReliablyChanged { share count of suppressed }
        reliablyDeteriorated { share count of suppressed } }
    flagAcknowledgement { waited { count suppressed } medianSeconds ninetiethPercentileSeconds }
    messageAnswers { waited { count suppressed } medianSeconds ninetiethPercentileSeconds }
    tableUrl";

/// What the other unit is called.
const SIBLING: &str = "Hjärtmottagningen";

/// Whose statistics somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Of the unit that they act at.
    Own,
    /// Of both units of its provider, of which the other is looked at.
    Sibling,
    /// Of the provider.
    Provider,
}

/// From which first of a month, until before which, and of which program.
#[derive(Clone, Copy, Debug, Default)]
struct Asked<'a> {
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
    program: Option<&'a str>,
}

/// The answer to a question for statistics.
async fn ask(app: &TestApp, token: &str, of: Of, asked: Asked<'_>) -> tests::client::Answer {
    let statistics = format!("statistics(from: $from, to: $to, programSlug: $program) {{ {FIELDS} }}");
    let field = match of {
        Of::Own => format!("viewer {{ ... on StaffViewer {{ unit {{ {statistics} }} }} }}"),
        Of::Sibling => format!("careProvider {{ units(first: 2) {{ nodes {{ name {statistics} }} }} }}"),
        Of::Provider => format!("careProvider {{ {statistics} }}"),
    };
    let query = format!("query($from: NaiveDate, $to: NaiveDate, $program: String) {{ {field} }}");
    let variables = json!({ "from": asked.from, "to": asked.to, "program": asked.program });
    app.client.query(token, &query, variables).await
}

/// Statistics that somebody may read.
async fn statistics(app: &TestApp, token: &str, of: Of, asked: Asked<'_>) -> Value {
    let data = ask(app, token, of, asked).await.data();
    match of {
        Of::Own => data["viewer"]["unit"]["statistics"].clone(),
        Of::Sibling => {
            let mut units = data["careProvider"]["units"]["nodes"].as_array().unwrap().iter();
            units.find(|unit| unit["name"] == SIBLING).unwrap()["statistics"].clone()
        }
        Of::Provider => data["careProvider"]["statistics"].clone(),
    }
}

/// A number that may be hidden; it is never told and hidden at once.
fn told(number: &Value) -> Option<u64> {
    let count = number["count"].as_u64();
    assert_eq!(number["suppressed"], json!(count.is_none()), "{number}");
    count
}

/// How many enrollments are in a state.
fn in_state(statistics: &Value, status: &str) -> Option<u64> {
    let mut each = statistics["enrollmentsByStatus"].as_array().unwrap().iter();
    told(&each.find(|each| each["status"] == status).unwrap()["enrollments"])
}
