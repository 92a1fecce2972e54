//! Results, and the links by which they are taken along.

use chrono::TimeDelta;
use entity::{action, viewer::Viewer};
use rules::answer::{Answer, Answers};
use serde_json::json;
use tests::{app::TestApp, both_databases, care, client::text, database::Kind};

use super::morning;

async fn results_take_as_many_for_fifty_as_for_five(kind: Kind) {
    const RESULTS: &str = "query($id: ID!) { enrollment(id: $id) { citizen { displayName }
        resultSeries(form: \"weekly-measure\", scale: \"total\") { points { value band { key } } change { fromFirst } chartUrl }
        resultChart(scales: [{ form: \"weekly-measure\", scale: \"total\" }, { form: \"worry-measure\", scale: \"total\" }]) {
            series { points { value } } }
        results(form: \"weekly-measure\", last: 100, withHistory: true) { answeredBy { as onBehalf } supersedes { id }
            scores { value } answers { item { key } value } enrollment { id } }
        resultTableUrl resultBundleUrl } }";
    let app = TestApp::start(kind, morning()).await;
    let (therapist, enrollment) = (app.therapist(), app.enroll(1).await);
    let id = api::graphql::id(api::graphql::Kind::Enrollment, enrollment).to_string();
    let answers: Answers = (1..=9)
        .map(|item| (format!("q{item}"), Answer::Text("some".to_owned())))
        .collect();
    let mut counts = Vec::new();
    let mut answered = 0;
    for results in [5, 50] {
        while answered < results {
            let dispatch = care::dispatch(&app.store, enrollment, "weekly-measure").await;
            app.clock.advance(TimeDelta::hours(1));
            let mut act = app.store.act(&Viewer::system()).await.unwrap();
            let result = action::response::submit(&mut act, dispatch, &answers).await.unwrap();
            if answered < 2 {
                // Some are amendments of others.
                action::response::amend(&mut act, result, &answers, "Checked")
                    .await
                    .unwrap();
            }
            act.commit().await.unwrap();
            answered += 1;
        }
        let mut of_this = Vec::new();
        let before = app.store.statements();
        let data = app.client.query(&therapist, RESULTS, json!({ "id": id })).await.data();
        of_this.push(app.store.statements() - before);
        let enrollment = &data["enrollment"];
        assert_eq!(enrollment["resultSeries"]["points"].as_array().unwrap().len(), results);
        assert_eq!(enrollment["results"].as_array().unwrap().len(), results + 2);
        for link in [
            &enrollment["resultSeries"]["chartUrl"],
            &enrollment["resultTableUrl"],
            &enrollment["resultBundleUrl"],
        ] {
            let before = app.store.statements();
            let followed = app.client.http().get(app.client.url(&text(link))).send().await.unwrap();
            assert!(followed.status().is_success());
            of_this.push(app.store.statements() - before);
        }
        println!("results: {of_this:?} statements");
        counts.push(of_this);
    }
    // The enrollment, the citizen, both series at once, the results with their enrollment, those that were amended, and one access-log
    // insert. A download: the enrollment, its responses, and one access-log insert.
    assert_eq!(counts, [[7, 3, 3, 3], [7, 3, 3, 3]]);
}

both_databases!(results_take_as_many_for_fifty_as_for_five);
