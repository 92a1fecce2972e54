//! Who and what is there before anybody takes part: provider, units, staff, programs and rules.

use std::collections::HashMap;

use anyhow::{Context, Result};
use entity::{
    act::Act,
    action::{
        self,
        care::{NewAssignment, NewStaff, NewUnit},
        citizen::NewCitizen,
        rule::SaveRule,
    },
    program_file::ProgramFile,
    store::Store,
    viewer::Viewer,
};
use rules::form::Form;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    DEMO, file,
    people::{Citizen, People},
    told, unfinished,
};

/// The ids of what was made, by key.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub provider: Uuid,
    pub units: HashMap<String, Uuid>,
    pub staff: HashMap<String, Uuid>,
    pub citizens: HashMap<String, Uuid>,
}

/// A rule as the demo's files write it: what `saveRule` takes, below the key.
#[derive(Debug, Deserialize)]
struct RuleFile {
    key: String,
    name: String,
    enabled: bool,
    #[serde(flatten)]
    definition: serde_json::Map<String, Value>,
}

/// Makes everything that is there from the start.
pub(super) async fn import(store: &Store, people: &People) -> Result<Ids> {
    let mut act = store.act(&Viewer::system()).await?;
    let ids = care(&mut act, people).await?;
    let programs = programs()?;
    for folder in &programs {
        program(&mut act, folder)
            .await
            .with_context(|| format!("demo/{folder}/program.yaml"))?;
    }
    act.commit().await?;
    store.refresh().await?;

    let mut act = store.act(&Viewer::system()).await?;
    for folder in &programs {
        rules(&mut act, folder)
            .await
            .with_context(|| format!("demo/{folder}/rules.yaml"))?;
    }
    act.commit().await?;
    Ok(ids)
}

async fn care(act: &mut Act, people: &People) -> Result<Ids> {
    let provider_id = action::care::create_provider(act, &unfinished(people))
        .await
        .map_err(told)?;
    let mut ids = Ids {
        provider: provider_id,
        ..Ids::default()
    };
    for unit in &people.units {
        let new = NewUnit {
            provider_id,
            name: unit.name.clone(),
            phone: unit.phone.clone(),
            opening_hours: unit.opening_hours.clone(),
            zone: None,
        };
        let id = action::care::create_unit(act, new).await.map_err(told)?;
        action::office_hours::set(act, id, &unit.office_hours, &[])
            .await
            .map_err(told)?;
        ids.units.insert(unit.key.clone(), id);
    }
    for staff in &people.staff {
        let new = NewStaff {
            provider_id,
            subject: staff.key.clone(),
            display_name: staff.name.clone(),
            title: staff.title.clone(),
            email: Some(format!("{}@example.org", staff.key)),
        };
        let staff_id = action::care::create_staff(act, new).await.map_err(told)?;
        ids.staff.insert(staff.key.clone(), staff_id);
        for assigned in &staff.assignments {
            let unit_id = match &assigned.unit {
                Some(key) => Some(*ids.units.get(key).with_context(|| format!("there is no unit {key}"))?),
                None => None,
            };
            for &role in &assigned.roles {
                let new = NewAssignment {
                    staff_id,
                    unit_id,
                    role,
                    valid_from: None,
                    valid_until: None,
                };
                action::care::assign(act, new).await.map_err(told)?;
            }
        }
    }
    for citizen in &people.citizens {
        let id = action::citizen::register(act, &registered(citizen), "")
            .await
            .map_err(told)?;
        ids.citizens.insert(citizen.key.clone(), id);
    }
    Ok(ids)
}

/// A citizen as units know them. Only Handrail itself may say whose tokens are theirs.
pub(super) fn registered(citizen: &Citizen) -> NewCitizen {
    NewCitizen {
        personal_identity_number: citizen.identity.clone(),
        given_name: citizen.given.clone(),
        family_name: citizen.family.clone(),
        email: citizen.email.clone(),
        phone: citizen.phone.clone(),
        locale: Some(citizen.locale.clone()),
        subject: Some(citizen.key.clone()),
        ..NewCitizen::default()
    }
}

/// The folders of the programs, in order.
fn programs() -> Result<Vec<&'static str>> {
    let mut folders: Vec<&str> = DEMO.dirs().filter_map(|folder| folder.path().to_str()).collect();
    folders.sort_unstable();
    Ok(folders)
}

async fn program(act: &mut Act, folder: &str) -> Result<()> {
    let mut files: Vec<_> = DEMO
        .get_dir(format!("{folder}/forms"))
        .context("no forms")?
        .files()
        .collect();
    files.sort_by_key(|file| file.path());
    let forms = files.into_iter().map(|file| {
        let text = file.contents_utf8().unwrap_or_default();
        serde_saphyr::from_str(text).with_context(|| format!("{} cannot be read", file.path().display()))
    });
    let forms: Vec<Form> = forms.collect::<Result<_>>()?;
    let program: ProgramFile = serde_saphyr::from_str(file(&format!("{folder}/program.yaml"))?)?;
    action::program::import(act, &program, &forms).await.map_err(told)?;
    Ok(())
}

async fn rules(act: &mut Act, folder: &str) -> Result<()> {
    #[derive(Deserialize)]
    struct Slug {
        slug: String,
    }
    let program: Slug = serde_saphyr::from_str(file(&format!("{folder}/program.yaml"))?)?;
    let rules: Vec<RuleFile> = serde_saphyr::from_str(file(&format!("{folder}/rules.yaml"))?)?;
    for rule in rules {
        let key = rule.key.clone();
        let save = SaveRule {
            program_slug: program.slug.clone(),
            unit_id: None,
            enrollment_id: None,
            key: rule.key,
            name: rule.name,
            enabled: rule.enabled,
            dry_run: false,
            definition: Value::Object(rule.definition),
        };
        action::rule::save(act, save)
            .await
            .map_err(told)
            .with_context(|| format!("the rule {key} is refused"))?;
    }
    Ok(())
}
