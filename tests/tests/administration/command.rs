//! The commands that connect a care provider, and that sign somebody of the staff in at one of its units.

use std::{path::Path, process::Output};

use entity::{assignment, assignment::Role, care_provider, invitation, staff, unit};
use sea_orm::EntityTrait;
use serde_json::json;
use tests::{
    client::{Client, done, text},
    process::{self, Process},
};

use crate::new_unit;

async fn connect(folder: &Path, changes: &[(&str, &str)]) -> Option<Output> {
    let handrail = process::binary("handrail")?;
    let mut command = process::command(&handrail, folder, &[]);
    command.arg("connect-provider");
    for (flag, value) in [
        ("--name", "Region Nord"),
        ("--unit", "Norra mottagningen"),
        ("--administrator", "Eva Ek"),
        ("--subject", "SE2321000016-EVA"),
        ("--email", "eva@care.example"),
    ] {
        let changed = changes.iter().find(|(changed, _)| *changed == flag);
        command.arg(flag).arg(changed.map_or(value, |(_, value)| value));
    }
    Some(command.output().await.unwrap())
}

#[tokio::test]
async fn the_command_connects_a_provider_once() {
    let folder = tempfile::tempdir().unwrap();
    let Some(output) = connect(folder.path(), &[("--email", "eva")]).await else {
        return;
    };
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(
        said(&output).contains("email") && said(&output).contains("BAD_EMAIL"),
        "{}",
        said(&output)
    );
    let url = format!("sqlite:{}", folder.path().join("handrail.db").display());
    let connection = entity::store::connect(&url, 1, std::time::Duration::from_secs(5))
        .await
        .unwrap();
    assert!(care_provider::Entity::find().all(&connection).await.unwrap().is_empty());

    let output = connect(folder.path(), &[]).await.unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        told.contains("Region Nord") && told.contains("SE2321000016-EVA"),
        "{told}"
    );
    let [administrator] = &assignment::Entity::find().all(&connection).await.unwrap()[..] else {
        panic!("not one assignment")
    };
    assert_eq!(
        (administrator.role.0, administrator.unit_id, administrator.valid_until),
        (Role::ProviderAdministrator, None, None)
    );
    assert_eq!(
        unit::Entity::find().all(&connection).await.unwrap()[0].zone,
        "Europe/Stockholm"
    );
    assert_eq!(invitation::Entity::find().all(&connection).await.unwrap().len(), 1);

    // Twice is refused by name, and so is somebody else who signs in with the same subject.
    for (changes, flag) in [(&[][..], "name"), (&[("--name", "Region Syd")][..], "subject")] {
        let output = connect(folder.path(), changes).await.unwrap();
        assert!(!output.status.success());
        assert!(
            said(&output).contains("TAKEN") && said(&output).contains(flag),
            "{}",
            said(&output)
        );
    }
    assert_eq!(staff::Entity::find().all(&connection).await.unwrap().len(), 1);
}

async fn token(folder: &Path, arguments: &[&str]) -> Output {
    let handrail = process::binary("handrail").expect("it was there before");
    let mut command = process::command(&handrail, folder, &[]);
    command.arg("token").args(arguments).output().await.unwrap()
}

#[tokio::test]
async fn a_token_has_its_holder_act_at_the_unit_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let boss = "provider-administrator";
    let Some(connected) = connect(folder.path(), &[("--subject", boss)]).await else {
        return;
    };
    assert!(connected.status.success());
    let handrail = process::binary("handrail").expect("it was there before");
    let mut command = process::command(&handrail, folder.path(), &[("HANDRAIL_HTTP__LISTEN", "127.0.0.1:0")]);
    let mut server = Process::start("handrail", command.args(["serve", "--no-demo"]));
    let address = server
        .line(|line| line.strip_prefix("Handrail is ready: http://").map(str::to_owned))
        .await;
    let client = Client::new(&address);
    let printed = async |arguments: &[&str]| {
        let output = token(folder.path(), arguments).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let acts_at = async |token: &str| {
        let query = "{ viewer { ... on StaffViewer { unit { id name } } } }";
        client.query(token, query, json!({})).await.data()["viewer"]["unit"].clone()
    };

    // Without the unit it is the first one; with it, the one that is named, of the new one as well.
    let anywhere = printed(&["--as", boss]).await;
    let first = acts_at(&anywhere).await;
    assert_eq!(first["name"], "Norra mottagningen");
    let new = new_unit("Östra mottagningen");
    let made = client.mutate(&anywhere, "connectUnit", new, "unit { id name }").await;
    let second = done(&made)["unit"].clone();
    for unit in [&first, &second] {
        let there = printed(&["--as", boss, "--unit", &text(&unit["id"])]).await;
        assert_eq!(acts_at(&there).await, *unit);
    }
    // Nobody else acts there with it.
    let stranger = printed(&["--as", "therapist", "--unit", &text(&second["id"])]).await;
    let answer = client.query(&stranger, "{ viewer { __typename } }", json!({})).await;
    assert!(answer.status.is_client_error(), "{}", answer.body);
    assert!(answer.body["data"]["viewer"].is_null(), "{}", answer.body);

    let staff = api::graphql::id(api::graphql::Kind::Staff, uuid::Uuid::from_u128(1));
    let second = text(&second["id"]);
    for (arguments, because) in [
        (["--as", "anna", "--unit", &second], "anna is no staff member"),
        (["--as", boss, "--unit", "nowhere"], "nowhere is no unit's id"),
        (["--as", boss, "--unit", staff.as_str()], "is no unit's id"),
        (
            ["--as", "nobody", "--unit", &second],
            "nobody in the demo is called nobody",
        ),
    ] {
        let output = token(folder.path(), &arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{said}");
        assert!(said.contains(because), "{said}");
    }
    server.terminate().await;
    assert!(server.ended().await.success(), "{}", server.output());
}
