//! Results as a table.

use tests::{both_databases, database::Kind};

use crate::{MOOD, WELLBEING, ask, course, follow, guarded};

async fn a_table_holds_every_answer(kind: Kind) {
    let (app, enrollment) = course(kind).await;
    let fields = "resultTableUrl mood: resultTableUrl(form: \"mood\")";
    let asked = ask(&app, &app.therapist(), &enrollment, fields).await;
    let csv = guarded(follow(&app, &asked["resultTableUrl"]).await, "text/csv; charset=utf-8").await;
    assert!(csv.ends_with("\r\n") && csv.lines().count() == 17, "{csv}");
    let csv = csv.strip_prefix('\u{FEFF}').expect("a byte order mark").to_owned();
    let rows = |csv: &str| -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
        let records = reader
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect());
        records.collect()
    };
    let table = rows(&csv);
    let column = |table: &[Vec<String>], name: &str| table[0].iter().position(|head| head == name).expect(name);
    let cells = |name: &str, form: &str| -> Vec<String> {
        let (form_column, wanted) = (column(&table, "form"), column(&table, name));
        let of_form = table[1..].iter().filter(|row| row[form_column] == form);
        of_form.map(|row| row[wanted].clone()).collect()
    };
    assert_eq!(cells("mood/scale/total", "mood"), MOOD.map(|value| value.to_string()));
    assert_eq!(
        cells("wellbeing/scale/line", "wellbeing"),
        WELLBEING.map(|value| value.to_string())
    );
    assert_eq!(
        cells("mood/band/total", "mood")[..4],
        ["severe", "severe", "severe", "moderate"]
    );
    assert_eq!(cells("mood/item/q9", "mood")[2..5], ["no", "", "no"]);
    assert_eq!(cells("mood/item/q1", "mood")[0], "all");
    assert_eq!(cells("wellbeing/item/why", "wellbeing")[0], "noise; light");
    assert_eq!(
        cells("wellbeing/item/note", "wellbeing")[0],
        "'=HYPERLINK(\"x\"), trött"
    );
    assert_eq!(
        cells("mood/scale/total", "wellbeing"),
        [""; 8],
        "a form fills its own columns alone"
    );
    // 10:00 before the clocks went forward, 11:00 after: it is the same instant of the day.
    let dates = cells("date", "mood");
    assert_eq!(dates[0], "2027-03-01T10:00:00+01:00");
    assert_eq!(dates[7], "2027-04-19T11:00:00+02:00");
    assert_eq!(cells("version", "mood"), ["1"; 8]);
    assert_eq!(cells("answered_by", "mood"), ["CITIZEN"; 8]);

    let csv = guarded(follow(&app, &asked["mood"]).await, "text/csv; charset=utf-8").await;
    let of_mood = rows(&csv);
    assert_eq!(of_mood.len(), 9);
    assert!(of_mood[0].iter().all(|head| !head.starts_with("wellbeing")));

    let own = ask(&app, &app.citizen(1), &enrollment, fields).await;
    let csv = guarded(follow(&app, &own["resultTableUrl"]).await, "text/csv; charset=utf-8").await;
    assert!(
        !csv.contains("note") && !csv.contains("HYPERLINK"),
        "free texts are for staff"
    );
    app.stop().await;
}

both_databases!(a_table_holds_every_answer,);
