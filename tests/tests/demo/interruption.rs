//! A first start that is broken off, and the next one.

use std::time::Duration;

use api::seed::{self, Found};
use tests::{
    demo::Demo,
    process::{self, Process},
};

use crate::ALONE;

/// How often a database is looked at.
const GLANCE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_seeding_that_was_interrupted_begins_anew_and_nobody_joins_in() {
    let _alone = ALONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let Some(binary) = process::binary("handrail") else {
        return;
    };
    let handrail = || {
        let mut command = process::command(&binary, folder.path(), &[]);
        command.arg("seed");
        command
    };
    let mut first = Process::start("the first", &mut handrail());
    first.line(|line| line.contains("seeding the demo").then_some(())).await;
    let database = format!("sqlite:{}/handrail.db", folder.path().display());
    let connection = seed::connect(&database).await.unwrap();
    loop {
        match seed::found(&connection).await.unwrap() {
            Found::Unfinished => break,
            Found::Nothing => tokio::time::sleep(GLANCE).await,
            Found::Something => panic!("it was seeded before anybody could interrupt it"),
        }
        assert!(first.runs(), "{}", first.output());
    }
    connection.close().await.unwrap();

    let mut second = Process::start("the second", &mut handrail());
    assert!(!second.ended().await.success(), "{}", second.output());
    let output = second.output();
    assert!(output.contains("another process is seeding the demo"), "{output}");
    first.kill().await;

    let Some(mut demo) = Demo::start(folder.path()).await else {
        return;
    };
    let output = demo.process.output();
    assert!(output.contains("was interrupted"), "{output}");
    assert!(demo.tokens.contains_key("anna"), "{output}");
    let files = std::fs::read_dir(folder.path()).unwrap();
    let mut names = files.map(|file| file.unwrap().file_name());
    assert!(names.all(|name| name != "handrail.db.seeding"), "the lock is left");
    demo.process.terminate().await;
    assert!(demo.process.ended().await.success(), "{}", demo.process.output());
}
