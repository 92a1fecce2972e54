//! Who and what is there before anybody takes part: provider, units, staff, programs and rules.

use std::collections::HashMap;

use anyhow::{Context, Result};
use chrono::{Datelike, NaiveDate};
use entity::{
    act::Act,
    action::{
        self,
        assignment::{self, NewAssignment},
        care::{NewStaff, NewUnit},
        citizen::NewCitizen,
        guardian::NewGuardian,
        message::SaveTemplate,
        rule::SaveRule,
        unit::NewTerms,
        unit_contact::{NewPhone, UnitContact, Words},
    },
    program_file::ProgramFile,
    store::Store,
    viewer::Viewer,
};
use rules::{form::Form, text::Text};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{
    DEMO, file,
    people::{Citizen, People, Unit},
    told, unfinished,
};

/// The ids of what was made, by key.
#[derive(Debug, Default)]
pub(super) struct Ids {
    pub provider: Uuid,
    pub units: HashMap<String, Uuid>,
    pub staff: HashMap<String, Uuid>,
    pub citizens: HashMap<String, Uuid>,
    pub guardians: HashMap<String, Uuid>,
}

/// A rule as the demo's files write it: what `saveRule` takes, below the key.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RuleFile {
    pub key: String,
    pub name: String,
    pub enabled: bool,
    #[serde(flatten)]
    pub definition: serde_json::Map<String, Value>,
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
    for unit in &people.units {
        let unit_id = *ids.units.get(&unit.key).context("a unit is missing")?;
        templates(&mut act, unit, unit_id)
            .await
            .with_context(|| unit.key.clone())?;
        for slug in &unit.opens {
            let opened = action::open_program::open(&mut act, slug, unit_id, false).await;
            opened
                .map_err(told)
                .with_context(|| format!("{} opens {slug}", unit.key))?;
        }
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
        let id = self::unit(act, provider_id, unit)
            .await
            .with_context(|| unit.key.clone())?;
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
                assignment::grant(act, &new).await.map_err(told)?;
            }
        }
    }
    for citizen in &people.citizens {
        let id = action::citizen::register(act, &registered(citizen), "")
            .await
            .map_err(told)?;
        ids.citizens.insert(citizen.key.clone(), id);
    }
    for guardian in &people.guardians {
        let new = NewGuardian {
            personal_identity_number: guardian.identity.clone(),
            given_name: guardian.given.clone(),
            family_name: guardian.family.clone(),
            locale: None,
            subject: Some(guardian.key.clone()),
        };
        let id = action::guardian::register(act, &new).await.map_err(told)?;
        for key in &guardian.of {
            let citizen = *ids
                .citizens
                .get(key)
                .with_context(|| format!("there is no citizen {key}"))?;
            action::guardian::entrust(act, id, citizen, None).await.map_err(told)?;
        }
        ids.guardians.insert(guardian.key.clone(), id);
    }
    Ok(ids)
}

/// A unit, with how and when it is reached.
async fn unit(act: &mut Act, provider_id: Uuid, unit: &Unit) -> Result<Uuid> {
    let new = NewUnit {
        provider_id,
        name: unit.name.clone(),
        phone: unit.phones.first().map(|phone| phone.number.clone()),
        opening_hours: unit.opening_hours.clone(),
        zone: None,
    };
    let unit_id = action::care::create_unit(act, new).await.map_err(told)?;
    let terms = NewTerms {
        version: unit.terms.version.clone(),
        signed_by: unit.terms.signed_by.clone(),
        signer_title: Some(unit.terms.title.clone()),
        signed_at: None,
    };
    action::unit::accept_terms(act, unit_id, &terms).await.map_err(told)?;
    let closed = closed_days(&unit.closed_on, act.now.date_naive())?;
    action::office_hours::set(act, unit_id, &unit.office_hours, &closed)
        .await
        .map_err(told)?;
    let words = |text: &Text| -> Vec<Words> {
        let each = text.0.iter().map(|(locale, text)| (locale.clone(), text.clone()));
        each.map(|(locale, text)| Words { locale, text }).collect()
    };
    let phones = unit.phones.iter().map(|phone| NewPhone {
        label: words(&phone.label),
        number: phone.number.clone(),
    });
    let contact = UnitContact {
        unit_id,
        phones: Some(phones.collect()),
        emergency: Some(words(&unit.emergency)),
        opening_hours: None,
    };
    action::unit_contact::set(act, &contact).await.map_err(told)?;
    action::message::set_promise(act, unit_id, Some(unit.answers_within))
        .await
        .map_err(told)?;
    Ok(unit_id)
}

/// Keeps what a unit's staff write messages from.
async fn templates(act: &mut Act, unit: &Unit, unit_id: Uuid) -> Result<()> {
    for template in &unit.templates {
        let save = SaveTemplate {
            unit_id,
            template_id: None,
            title: template.title.clone(),
            body: template.body.clone(),
            locale: template.locale.clone(),
        };
        action::message::save_template(act, &save).await.map_err(told)?;
    }
    Ok(())
}

/// Days of the year (`12-24`) as those that come next.
fn closed_days(closed_on: &[String], today: NaiveDate) -> Result<Vec<NaiveDate>> {
    let next = |day: &String| {
        let mut of_years = [0, 1].into_iter().filter_map(|more| {
            let text = format!("{}-{day}", today.year() + more);
            text.parse().ok()
        });
        of_years
            .find(|day: &NaiveDate| *day > today)
            .with_context(|| format!("{day} is no day of the year"))
    };
    closed_on.iter().map(next).collect()
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
    let programs = DEMO
        .dirs()
        .filter(|folder| folder.contains(folder.path().join("program.yaml")));
    let mut folders: Vec<&str> = programs.filter_map(|folder| folder.path().to_str()).collect();
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
        save_rule(act, &program.slug, None, false, rule).await?;
    }
    Ok(())
}

/// Saves a rule of a program, or of a unit in it.
pub(super) async fn save_rule(
    act: &mut Act,
    program: &str,
    unit_id: Option<Uuid>,
    dry_run: bool,
    rule: RuleFile,
) -> Result<()> {
    let key = rule.key.clone();
    let save = SaveRule {
        program_slug: program.to_owned(),
        unit_id,
        enrollment_id: None,
        key: rule.key,
        name: rule.name,
        enabled: rule.enabled,
        dry_run,
        definition: Value::Object(rule.definition),
    };
    let saved = action::rule::save(act, save).await.map_err(told);
    saved.with_context(|| format!("the rule {key} is refused"))?;
    Ok(())
}
