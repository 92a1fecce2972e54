//! Results over time as a picture.

use std::{collections::BTreeSet, path::Path};

use entity::{
    access_log::{self, AccessAction},
    stored::Stored,
};
use quick_xml::{Reader, events::Event};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use tests::{both_databases, client::text, database::Kind};

use crate::{MOOD, ask, course, follow, guarded, id_of, mood_of, started, submit};

/// What a picture holds: its elements with their attributes and texts.
#[derive(Debug, Default)]
struct Picture(Vec<Element>);

/// An element's name, its attributes and its text.
type Element = (String, Vec<(String, String)>, String);

impl Picture {
    fn read(svg: &str) -> Self {
        let mut picture = Self::default();
        let mut reader = Reader::from_str(svg);
        let mut open = Vec::new();
        loop {
            let event = reader.read_event().unwrap();
            match &event {
                Event::Start(tag) | Event::Empty(tag) => {
                    let attributes = tag.attributes().map(|attribute| {
                        let attribute = attribute.unwrap();
                        let value = attribute.unescape_value().unwrap().into_owned();
                        (String::from_utf8(attribute.key.0.to_vec()).unwrap(), value)
                    });
                    let name = String::from_utf8(tag.name().0.to_vec()).unwrap();
                    picture.0.push((name, attributes.collect(), String::new()));
                    if matches!(event, Event::Start(_)) {
                        open.push(picture.0.len() - 1);
                    }
                }
                Event::End(_) => drop(open.pop().unwrap()),
                Event::Text(text) => {
                    let text = text.decode().unwrap();
                    if let Some(at) = open.last() {
                        picture.0[*at].2.push_str(&text);
                    }
                }
                Event::GeneralRef(reference) => {
                    let reference = reference.decode().unwrap();
                    let sign = quick_xml::escape::unescape(&format!("&{reference};"))
                        .unwrap()
                        .into_owned();
                    if let Some(at) = open.last() {
                        picture.0[*at].2.push_str(&sign);
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(open.is_empty(), "every element is closed");
        picture
    }

    fn texts(&self) -> BTreeSet<&str> {
        let texts = self.0.iter().filter(|(name, ..)| name == "text");
        texts.map(|(.., text)| text.trim()).collect()
    }

    fn text_of(&self, wanted: &str) -> &str {
        &self.0.iter().find(|(name, ..)| name == wanted).unwrap().2
    }

    fn attribute(&self, wanted: &str, attribute: &str) -> Vec<&str> {
        let elements = self.0.iter().filter(|(name, ..)| name == wanted);
        let attributes =
            elements.filter_map(|(_, attributes, _)| attributes.iter().find(|(name, _)| name == attribute));
        attributes.map(|(_, value)| value.as_str()).collect()
    }

    /// The middle of each point, once.
    fn points(&self) -> Vec<(f64, f64)> {
        let number = |texts: Vec<&str>| -> Vec<f64> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let (across, down) = (
            number(self.attribute("circle", "cx")),
            number(self.attribute("circle", "cy")),
        );
        let mut points: Vec<(f64, f64)> = across.into_iter().zip(down).collect();
        points.dedup();
        points
    }
}

/// Keeps a picture for whoever wants to look at it.
fn keep(name: &str, svg: &str) {
    std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), svg).unwrap();
}

async fn a_picture_shows_the_numbers(kind: Kind) {
    let (app, enrollment) = course(kind).await;
    let fields =
        "resultSeries(form: \"mood\", scale: \"total\") { chartUrl chartDescription english: chartUrl(locale: \"en\") }
        resultChart(scales: [{ form: \"mood\", scale: \"total\" }, { form: \"wellbeing\", scale: \"line\" }]) {
            series { scale { key } } chartUrl(locale: \"en\") chartDescription }";
    let asked = ask(&app, &app.therapist(), &enrollment, fields).await;
    let series = &asked["resultSeries"];
    let svg = guarded(follow(&app, &series["chartUrl"]).await, "image/svg+xml").await;
    keep("course-sv.svg", &svg);
    let picture = Picture::read(&svg);
    assert_eq!(picture.attribute("svg", "role"), ["img"]);
    assert_eq!(picture.attribute("svg", "aria-labelledby"), ["title description"]);
    assert_eq!(picture.attribute("svg", "lang"), ["sv"]);
    assert_eq!(picture.attribute("title", "id"), ["title"]);
    assert_eq!(picture.attribute("desc", "id"), ["description"]);
    assert_eq!(picture.text_of("title"), "Sinnesstämning & <oro>: Summa");
    let told = picture.text_of("desc");
    assert_eq!(told, text(&series["chartDescription"]));
    assert!(told.contains("8 resultat, 1 mars 2027 till 19 april 2027."), "{told}");
    assert!(
        told.contains("Första 21 (Svår), senaste 6 (Lindrig), förändring −15 (−71 %), säkerställd förbättring."),
        "{told}"
    );
    assert!(
        told.contains("22 mars 2027: 14 (Medelsvår, ofullständigt besvarat);"),
        "{told}"
    );

    // Each point lies where its number says, on one straight scale, with the number beside it.
    let points = picture.points();
    assert_eq!(points.len(), 8);
    let down = |value: f64| {
        let (first, last) = (points[0].1, points[7].1);
        first + (value - 21.0) * (last - first) / (6.0 - 21.0)
    };
    for (week, (value, (across, height))) in MOOD.into_iter().zip(&points).enumerate() {
        assert!((down(f64::from(value)) - height).abs() <= 1.0, "{value} at {height}");
        let week = f64::from(u32::try_from(week).unwrap());
        let expected = points[0].0 + week * (points[7].0 - points[0].0) / 7.0;
        assert!((expected - across).abs() <= 1.5, "{value} at {across}");
        assert!(picture.texts().contains(value.to_string().as_str()), "{value}");
    }
    assert!(points[7].1 > points[0].1, "a lower score lies lower");
    for word in [
        "Minimal",
        "Lindrig",
        "Medelsvår",
        "Svår",
        "Första 21",
        "1 mar 2027",
        "19 apr",
    ] {
        assert!(picture.texts().contains(word), "{word}: {:?}", picture.texts());
    }

    let svg = guarded(follow(&app, &series["english"]).await, "image/svg+xml").await;
    let picture = Picture::read(&svg);
    assert_eq!(picture.attribute("svg", "lang"), ["en"]);
    assert!(
        picture
            .text_of("desc")
            .contains("First 21 (Severe), latest 6 (Mild), change −15 (−71 %), reliable improvement.")
    );

    let both = &asked["resultChart"];
    assert_eq!(both["series"].as_array().unwrap().len(), 2);
    let svg = guarded(follow(&app, &both["chartUrl"]).await, "image/svg+xml").await;
    keep("both-en.svg", &svg);
    let picture = Picture::read(&svg);
    assert_eq!(
        picture.text_of("title"),
        "Mood & <worry>: Total; Well-being: Well-being"
    );
    let points = picture.points();
    assert_eq!(points.len(), 16);
    // From 3 to 8 on an axis from 0 to 10: open bands do not press the points together.
    assert!(points[8].1 - points[15].1 > 80.0, "{points:?}");
    assert!(picture.texts().contains("Low") && picture.texts().contains("High"));
    assert!(
        text(&both["chartDescription"])
            .contains("Första 3,0 (Lågt), senaste 8,0 (Högt), förändring +5,0 (+167 %), säkerställd förbättring.")
    );

    // Whoever followed the links is in the access log, with what they looked at.
    let reads = access_log::Entity::find()
        .filter(access_log::Column::Operation.eq("resultChart"))
        .filter(access_log::Column::Action.eq(Stored(AccessAction::Read)));
    let reads = reads.all(app.store.connection()).await.unwrap();
    assert_eq!(reads.len(), 3);
    assert!(
        reads
            .iter()
            .all(|read| read.viewer == format!("STAFF:{}", app.care.therapist))
    );
    app.stop().await;
}

async fn a_picture_of_few_results_is_drawn(kind: Kind) {
    let (app, enrollment) = started(kind).await;
    let id = id_of(enrollment);
    let fields = "resultSeries(form: \"mood\", scale: \"total\") { chartUrl chartDescription
        change { fromFirst fromPrevious percentFromFirst reliable { index } } }
        many: resultChart(scales: []) { chartUrl }";
    let none = ask(&app, &app.citizen(1), &id, fields).await;
    let svg = guarded(follow(&app, &none["resultSeries"]["chartUrl"]).await, "image/svg+xml").await;
    assert!(Picture::read(&svg).texts().contains("inga resultat"));
    let svg = guarded(follow(&app, &none["many"]["chartUrl"]).await, "image/svg+xml").await;
    assert!(Picture::read(&svg).points().is_empty());

    submit(&app, enrollment, "mood", mood_of(12, true)).await;
    let one = ask(&app, &app.citizen(1), &id, fields).await;
    let svg = guarded(follow(&app, &one["resultSeries"]["chartUrl"]).await, "image/svg+xml").await;
    keep("one-sv.svg", &svg);
    assert_eq!(Picture::read(&svg).points().len(), 1);
    let nothing = json!({ "fromFirst": null, "fromPrevious": null, "percentFromFirst": null, "reliable": null });
    assert_eq!(one["resultSeries"]["change"], nothing);

    let scales: Vec<&str> = vec!["{ form: \"mood\", scale: \"total\" }"; 7];
    let query = format!(
        "query($id: ID!) {{ enrollment(id: $id) {{ resultChart(scales: [{}]) {{ chartUrl }} }} }}",
        scales.join(", ")
    );
    let answer = app.client.query(&app.therapist(), &query, json!({ "id": id })).await;
    assert_eq!(answer.code(), "TOO_MANY");
    // The rest of the answer is there.
    assert_eq!(answer.body["data"], json!({ "enrollment": { "resultChart": null } }));
    app.stop().await;
}

both_databases!(a_picture_shows_the_numbers, a_picture_of_few_results_is_drawn,);
