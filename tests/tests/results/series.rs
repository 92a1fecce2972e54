//! Results over time as numbers, with the reliable change.

use serde_json::{Value, json};
use tests::{both_databases, client::text, database::Kind};

use crate::{MOOD, WELLBEING, close, course};

const SERIES: &str = "mood: resultSeries(form: \"mood\", scale: \"total\") { ...whole }
    wellbeing: resultSeries(form: \"wellbeing\", scale: \"line\") { ...whole }
    none: resultSeries(form: \"mood\", scale: \"no-such-scale\") { ...whole }
    empty: resultChart(scales: []) { series { ...whole } }";

const WHOLE: &str = "fragment whole on ResultSeries { form { key } scale { key direction bands { key } }
    points { at value complete band { key } resultId } baseline { at value }
    change { fromFirst fromPrevious percentFromFirst reliable { index verdict } } }";

async fn a_course_of_eight_weeks_in_numbers(kind: Kind) {
    let (app, enrollment) = course(kind).await;
    let query = format!("query($id: ID!) {{ enrollment(id: $id) {{ {SERIES} }} }} {WHOLE}");
    let asked = json!({ "id": enrollment });
    let data = app.client.query(&app.therapist(), &query, asked.clone()).await.data();
    let own = app.client.query(&app.citizen(1), &query, asked).await.data();
    assert_eq!(own, data, "the citizen sees the same");
    let (mood, wellbeing) = (&data["enrollment"]["mood"], &data["enrollment"]["wellbeing"]);
    assert_eq!(data["enrollment"]["none"], Value::Null);

    let of = |series: &Value, name: &str| -> Vec<Value> {
        series["points"]
            .as_array()
            .unwrap()
            .iter()
            .map(|point| point[name].clone())
            .collect()
    };
    assert_eq!(of(mood, "value"), MOOD.map(|value| json!(f64::from(value))));
    assert_eq!(of(wellbeing, "value"), WELLBEING.map(|value| json!(f64::from(value))));
    let bands: Vec<Value> = mood["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["band"]["key"].clone())
        .collect();
    assert_eq!(
        bands,
        [
            "severe", "severe", "severe", "moderate", "severe", "moderate", "mild", "mild"
        ]
    );
    assert_eq!(of(mood, "complete"), [true, true, true, false, true, true, true, true]);
    let days: Vec<String> = of(mood, "at").iter().map(|at| text(at)[..10].to_owned()).collect();
    assert_eq!(days[0], "2027-03-01");
    assert_eq!(days[7], "2027-04-19");
    assert_eq!(mood["baseline"], json!({ "at": of(mood, "at")[0], "value": 21.0 }));
    assert_eq!(mood["scale"]["direction"], "HIGHER_IS_WORSE");

    // By hand: 6 − 21; 6 − 8; 100 · (6 − 21) ÷ 21; (6 − 21) ÷ 3.6.
    let change = &mood["change"];
    assert_eq!(change["fromFirst"], -15.0);
    assert_eq!(change["fromPrevious"], -2.0);
    assert!(close(&change["percentFromFirst"], -71.428_571_4), "{change}");
    assert!(close(&change["reliable"]["index"], -4.166_666_7), "{change}");
    assert_eq!(change["reliable"]["verdict"], "RELIABLE_IMPROVEMENT");
    // By hand: 8 − 3; 8 − 7; 100 · 5 ÷ 3; 5 ÷ 2. Higher is better here.
    let change = &wellbeing["change"];
    assert_eq!(
        (&change["fromFirst"], &change["fromPrevious"]),
        (&json!(5.0), &json!(1.0))
    );
    assert!(close(&change["percentFromFirst"], 166.666_666_7), "{change}");
    assert_eq!(
        change["reliable"],
        json!({ "index": 2.5, "verdict": "RELIABLE_IMPROVEMENT" })
    );
    app.stop().await;
}

both_databases!(a_course_of_eight_weeks_in_numbers,);
