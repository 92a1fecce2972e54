//! Programs are imported whole and clean, or refused with every reason.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use common::{World, on_both, one, refused};
use entity::{action, viewer::Viewer};

on_both! {
    content_is_imported_whole_and_clean,
    a_new_version_takes_over_and_shares_unchanged_forms,
    a_file_that_makes_no_sense_is_refused_line_by_line,
}

async fn content_is_imported_whole_and_clean(world: World) {
    let content = world.content().await;
    assert_eq!(content.modules.len(), 2);
    assert_eq!(content.text(content.version.id, "title", "en"), "Small program");
    assert_eq!(content.locales(), ["en", "sv"]);
    let (module, section, step) = content.steps().next().unwrap();
    assert_eq!(
        (
            module.row.key.as_str(),
            section.row.key.as_str(),
            step.row.estimated_minutes
        ),
        ("first", "one", Some(5))
    );
    assert_eq!(content.text(step.blocks[0].id, "html", "sv"), "<p>Hej</p>");
    assert_eq!(content.text(step.blocks[1].id, "altText", "sv"), "En bild");
    assert_eq!(content.forms.keys().collect::<Vec<_>>(), ["check", "diary"]);
}

async fn a_new_version_takes_over_and_shares_unchanged_forms(world: World) {
    let before = world.content().await;
    let (mut file, mut forms) = common::program();
    let system = Viewer::system();
    let mut act = world.store.act(&system).await.unwrap();
    assert_eq!(
        refused(action::program::import(&mut act, &file, &forms).await),
        one("VERSION_EXISTS", "version")
    );
    drop(act);

    file.version = "1.1".to_owned();
    forms[1].title = rules::text::Text::new("sv", "En annan dagbok");
    let mut act = world.store.act(&system).await.unwrap();
    let version = action::program::import(&mut act, &file, &forms).await.unwrap();
    act.commit().await.unwrap();
    world.store.refresh().await.unwrap();
    let after = world.content().await;
    assert_eq!(after.version.id, version);
    assert_eq!(after.forms["check"].id, before.forms["check"].id);
    assert_ne!(after.forms["diary"].id, before.forms["diary"].id);
}

async fn a_file_that_makes_no_sense_is_refused_line_by_line(world: World) {
    let (mut file, forms) = common::program();
    file.version = "one".to_owned();
    file.answer_within = Some(31);
    file.forms.push("missing".to_owned());
    file.modules[1].key = "first".to_owned();
    file.modules[1].opens = "SOON".to_owned();
    file.modules[0].sections[0].steps[1].blocks = vec![
        entity::program_file::BlockFile::Exercise("check".to_owned()),
        entity::program_file::BlockFile::Form("nothing".to_owned()),
    ];
    let mut act = world.store.act(&Viewer::system()).await.unwrap();
    let mut errors = refused(action::program::import(&mut act, &file, &forms).await);
    errors.sort();
    let expected = [
        ("BAD_OPENING", "modules.1.opens"),
        ("BAD_VERSION", "version"),
        ("NOT_AN_EXERCISE", "modules.0.sections.0.steps.1.blocks.0"),
        ("NOT_UNIQUE", "modules.1.key"),
        ("NO_SUCH_FORM", "forms.2"),
        ("NO_SUCH_FORM", "modules.0.sections.0.steps.1.blocks.1"),
        ("OUT_OF_RANGE", "answerWithin"),
    ];
    assert_eq!(errors, expected.map(|(code, path)| (code.to_owned(), path.to_owned())));
    drop(act);

    let (file, forms) = common::program();
    for who in ["ingrid", "marianne"] {
        let mut act = world.store.act(&world.staff(who)).await.unwrap();
        assert_eq!(
            refused(action::program::import(&mut act, &file, &forms).await),
            one("NOT_ALLOWED", "")
        );
    }
}
