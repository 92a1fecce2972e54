//! Writing and publishing versions of programs.

mod prerequisites;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use rules::{form::Form, period::Period, text::Text};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use self::rows::Rows;
use super::{form, message::bad_promise, rule};
use crate::{
    act::{Act, BATCH},
    assignment::Role,
    error::{Error, Result, UserError},
    feature::Features,
    input::{self, Complaints},
    measurement_kind::{MOST_DECIMALS, MeasurementKind},
    program,
    program_file::{BlockFile, ProgramFile},
    program_form,
    program_version::{self, VersionStatus},
    store::Hint,
    stored::Stored,
};

/// Writes a version and publishes it: [`draft`] and [`publish`] in one. Gives the version.
///
/// # Errors
/// As those two.
pub async fn import(act: &mut Act, file: &ProgramFile, forms: &[Form]) -> Result<Uuid> {
    let version = draft(act, file, forms).await?;
    publish(act, version).await?;
    Ok(version)
}

/// Writes a version as a draft, with the forms that it names; of the others given, none is looked at. Rich text is sanitised.
/// Designers may, and Handrail itself. Gives the version.
///
/// # Errors
/// When anything in the file does not make sense, with the path to it; `VERSION_EXISTS`.
pub async fn draft(act: &mut Act, file: &ProgramFile, forms: &[Form]) -> Result<Uuid> {
    if !act.viewer.has_role(Role::Designer) {
        return Err(UserError::not_allowed("Only designers write programs.").into());
    }
    let forms: BTreeMap<&str, &Form> = forms.iter().map(|form| (form.key.as_str(), form)).collect();
    let (major, minor) = check(file, &forms)?;

    let program = program(act, file).await?;
    let same = program_version::Entity::find()
        .filter(program_version::Column::ProgramId.eq(program.id))
        .filter(program_version::Column::Major.eq(major))
        .filter(program_version::Column::Minor.eq(minor));
    if same.count(&act.tx).await? > 0 {
        let message = format!(
            "Version {} of this program exists, and versions never change: count it up.",
            file.version
        );
        return Err(UserError::new("VERSION_EXISTS", "version", message).into());
    }
    let version = program_version::Model {
        id: act.id(),
        program_id: program.id,
        major,
        minor,
        status: VersionStatus::Draft.into(),
        features: written(&file.features)?,
        measurements: written(&file.measurements)?,
        duration: file.duration.map(|duration| duration.to_string()),
        readable_for: file.readable_for.map(|period| period.to_string()),
        answer_within: file.answer_within,
        published_at: None,
        created_at: act.now,
    };
    version.clone().into_active_model().reset_all().insert(&act.tx).await?;

    let mut pinned = Vec::new();
    for (index, key) in file.forms.iter().enumerate() {
        let Some(form) = forms.get(key.as_str()) else { continue };
        let form_version_id = form::save(act, form)
            .await
            .map_err(|error| below(error, &["forms", &index.to_string()]))?
            .version_id;
        pinned.push(program_form::ActiveModel {
            version_id: Set(version.id),
            key: Set(key.clone()),
            form_version_id: Set(form_version_id),
        });
    }
    let mut rows = Rows::new(act, version.id);
    rows.text(version.id, "title", &file.title);
    rows.text(version.id, "summary", &file.summary);
    rows.modules(file)?;
    let Rows {
        modules,
        sections,
        steps,
        blocks,
        texts,
        ..
    } = rows;
    insert(act, pinned).await?;
    insert(act, modules).await?;
    insert(act, sections).await?;
    insert(act, steps).await?;
    insert(act, blocks).await?;
    insert(act, texts).await?;
    Ok(version.id)
}

/// Publishes a version: it is started from now on, and those published before it no longer. Publishers may, and Handrail
/// itself.
///
/// # Errors
/// When there is no such version that still waits to be published, at `versionId`; `RULE_NEEDS_FUNCTION` where it switches off what
/// a rule needs that is on, at that function.
pub async fn publish(act: &mut Act, version: Uuid) -> Result<()> {
    use program_version::Column;
    if !act.viewer.has_role(Role::Publisher) {
        return Err(UserError::not_allowed("Only publishers publish programs.").into());
    }
    let row = program_version::Entity::find_by_id(version).one(&act.tx).await?;
    let row = row.filter(|row| matches!(row.status.0, VersionStatus::Draft | VersionStatus::InReview));
    let row = row.ok_or_else(|| UserError::not_found("versionId", "version that waits to be published"))?;
    keep_rules(act, &row).await?;
    program_version::Entity::update_many()
        .col_expr(Column::Status, Expr::value(Stored(VersionStatus::Retired)))
        .filter(Column::ProgramId.eq(row.program_id))
        .filter(Column::Status.eq(Stored(VersionStatus::Published)))
        .exec(&act.tx)
        .await?;
    let mut row = row.into_active_model();
    row.status = Set(VersionStatus::Published.into());
    row.published_at = Set(Some(act.now));
    row.update(&act.tx).await?;
    act.hint(Hint::Directory);
    Ok(())
}

/// Refuses a version without a function that a rule needs: it would stop doing what it says, and nobody would know.
async fn keep_rules(act: &Act, version: &program_version::Model) -> Result<()> {
    let mut complaints = Complaints::default();
    for (key, function) in rule::needing(act, version.program_id, &version.features().lacking()).await? {
        let message = format!(
            "The rule “{key}” needs the program's {}: switch it off or change it first, or leave them on.",
            function.name()
        );
        let path = format!("features.{}", Features::field(function));
        complaints.add(UserError::new("RULE_NEEDS_FUNCTION", &path, message));
    }
    complaints.refuse()
}

/// What is wrong with a file; otherwise the version's two numbers.
fn check(file: &ProgramFile, forms: &BTreeMap<&str, &Form>) -> Result<(i32, i32)> {
    let mut complaints = Complaints::default();
    complaints.take(input::key(&file.slug, "slug"));
    text(&mut complaints, &file.title, "title");
    let numbers = numbers(&file.version);
    if numbers.is_none() {
        complaints.add(UserError::new(
            "BAD_VERSION",
            "version",
            "Write the version as two numbers: 1.0, 1.1, 2.0 …",
        ));
    }
    if file
        .duration
        .is_some_and(|duration| duration.is_negative() || duration.is_zero())
    {
        complaints.add(UserError::new(
            "BAD_DURATION",
            "duration",
            "A program lasts some time: write for example P10W.",
        ));
    }
    if file.readable_for.is_some_and(|period| period.is_negative()) {
        complaints.add(UserError::new(
            "BAD_DURATION",
            "readableFor",
            "A program can be read for some time after its end: write for example P1Y, or P0D for not at all.",
        ));
    }
    if let Some(days) = file.answer_within {
        complaints.extend(bad_promise(days, "answerWithin"));
    }
    if !file.features.forms && !file.forms.is_empty() {
        let message = "The version has no forms: leave these out, or switch forms on among its features.";
        complaints.add(UserError::new("NOT_OFFERED", "forms", message));
    }
    let mut names = Names::default();
    for (index, key) in file.forms.iter().enumerate() {
        let path = format!("forms.{index}");
        names.once(&mut complaints, "form", key, &path);
        if !forms.contains_key(key.as_str()) {
            complaints.add(UserError::new(
                "NO_SUCH_FORM",
                &path,
                format!("The form “{key}” is not there."),
            ));
        }
    }
    for (index, kind) in file.measurements.iter().enumerate() {
        let path = format!("measurements.{index}");
        names.once(&mut complaints, "measurement", &kind.key, &format!("{path}.key"));
        check_measurement(&mut complaints, kind, &path);
    }
    for (index, module) in file.modules.iter().enumerate() {
        let path = format!("modules.{index}");
        names.once(&mut complaints, "module", &module.key, &format!("{path}.key"));
        text(&mut complaints, &module.title, &format!("{path}.title"));
        let opens = matches!(module.opens.as_str(), "START" | "LOCKED")
            || module.opens.parse::<Period>().is_ok_and(|period| !period.is_negative());
        if !opens {
            let message = "Write START, LOCKED, or a duration after the start, for example P7D.";
            complaints.add(UserError::new("BAD_OPENING", &format!("{path}.opens"), message));
        }
        for (index, section) in module.sections.iter().enumerate() {
            let path = format!("{path}.sections.{index}");
            names.once(&mut complaints, "section", &section.key, &format!("{path}.key"));
            text(&mut complaints, &section.title, &format!("{path}.title"));
            for (index, step) in section.steps.iter().enumerate() {
                let path = format!("{path}.steps.{index}");
                names.once(&mut complaints, "step", &step.key, &format!("{path}.key"));
                text(&mut complaints, &step.title, &format!("{path}.title"));
                for (index, block) in step.blocks.iter().enumerate() {
                    check_block(&mut complaints, block, file, forms, &format!("{path}.blocks.{index}"));
                }
            }
        }
    }
    prerequisites::check(&mut complaints, &file.modules);
    complaints.refuse()?;
    Ok(numbers.unwrap_or_default())
}

fn written(value: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|error| Error::Corrupt(format!("a program: {error}")))
}

fn check_measurement(complaints: &mut Complaints, kind: &MeasurementKind, path: &str) {
    text(complaints, &kind.title, &format!("{path}.title"));
    text(complaints, &kind.unit.label, &format!("{path}.unit.label"));
    let code = &kind.unit.code;
    if !(1..=50).contains(&code.len()) || !code.bytes().all(|sign| sign.is_ascii_graphic()) {
        let message = "Write the unit's code of UCUM, for example kg, /min, {steps}, or 1 for a mere number.";
        complaints.add(UserError::new("BAD_UNIT", &format!("{path}.unit.code"), message));
    }
    if !(kind.min.is_finite() && kind.max.is_finite() && kind.min < kind.max) {
        let message = "The most must be greater than the least.";
        complaints.add(UserError::new("BAD_RANGE", &format!("{path}.max"), message));
    }
    if kind.decimals > MOST_DECIMALS {
        let message = format!("At most {MOST_DECIMALS} decimals, please.");
        complaints.add(UserError::new("OUT_OF_RANGE", &format!("{path}.decimals"), message));
    }
}

fn check_block(
    complaints: &mut Complaints,
    block: &BlockFile,
    file: &ProgramFile,
    forms: &BTreeMap<&str, &Form>,
    path: &str,
) {
    match block {
        BlockFile::Text(html) => text(complaints, html, path),
        BlockFile::Image { url, alt } => {
            address(complaints, url, &format!("{path}.url"));
            text(complaints, alt, &format!("{path}.alt"));
        }
        BlockFile::Video { url, captions, .. } => {
            address(complaints, url, &format!("{path}.url"));
            for (locale, url) in &captions.0 {
                address(complaints, url, &format!("{path}.captions.{locale}"));
            }
        }
        BlockFile::Audio { url, .. } => address(complaints, url, &format!("{path}.url")),
        BlockFile::File { url, title } => {
            address(complaints, url, &format!("{path}.url"));
            text(complaints, title, &format!("{path}.title"));
        }
        BlockFile::Form(key) | BlockFile::Exercise(key) => {
            if !file.forms.contains(key) {
                let message = format!("The form “{key}” is not among the program's forms.");
                complaints.add(UserError::new("NO_SUCH_FORM", path, message));
            }
            let scored = forms.get(key.as_str()).is_some_and(|form| !form.scales.is_empty());
            if scored && matches!(block, BlockFile::Exercise(_)) {
                let message = format!("The form “{key}” has scales, so it is a form and no exercise.");
                complaints.add(UserError::new("NOT_AN_EXERCISE", path, message));
            }
        }
    }
}

fn text(complaints: &mut Complaints, text: &Text, path: &str) {
    if text.0.is_empty() || text.0.values().any(|text| text.trim().is_empty()) {
        complaints.add(UserError::new(
            "REQUIRED",
            path,
            "This must be filled in, in every language that it names.",
        ));
    }
    for locale in text.0.keys() {
        complaints.take(input::locale(locale, path));
    }
}

/// Media is fetched by the citizen's browser: safely, or from where the frontend itself is.
fn address(complaints: &mut Complaints, url: &str, path: &str) {
    let own = url.starts_with('/') && !url.starts_with("//");
    let clean = !url.chars().any(|sign| sign.is_control() || sign.is_whitespace());
    if !clean || !(own || url.starts_with("https://")) {
        let message = "Write an address that starts with https://, or a path on the frontend's own server.";
        complaints.add(UserError::new("BAD_URL", path, message));
    }
}

fn numbers(version: &str) -> Option<(i32, i32)> {
    let (major, minor) = version.split_once('.')?;
    let number = |text: &str| text.parse::<u16>().ok().map(i32::from);
    Some((number(major)?, number(minor)?))
}

/// Keys are unique within their version, each kind among itself.
#[derive(Default)]
struct Names<'a>(BTreeSet<(&'static str, &'a str)>);

impl<'a> Names<'a> {
    fn once(&mut self, complaints: &mut Complaints, kind: &'static str, key: &'a str, path: &str) {
        complaints.take(input::key(key, path));
        if !self.0.insert((kind, key)) {
            complaints.add(UserError::new(
                "NOT_UNIQUE",
                path,
                format!("There are two {kind}s with the key “{key}”."),
            ));
        }
    }
}

/// The program of the file's slug, made where it is new.
async fn program(act: &Act, file: &ProgramFile) -> Result<program::Model> {
    let row = program::ActiveModel {
        id: Set(act.id()),
        slug: Set(file.slug.clone()),
        kind: Set(file.kind.into()),
        created_at: Set(act.now),
    };
    program::Entity::insert(row)
        .on_conflict(OnConflict::column(program::Column::Slug).do_nothing().to_owned())
        .exec_without_returning(&act.tx)
        .await?;
    let found = program::Entity::find().filter(program::Column::Slug.eq(file.slug.as_str()));
    let found = found.one(&act.tx).await?;
    let found = found.ok_or_else(|| Error::Corrupt("a program that was just written is missing".into()))?;
    if found.kind.0 != file.kind {
        return Err(UserError::new(
            "BAD_KIND",
            "kind",
            "This program is of the other kind, and that never changes.",
        )
        .into());
    }
    Ok(found)
}

async fn insert<A>(act: &Act, rows: Vec<A>) -> Result<()>
where
    A: ActiveModelTrait + Clone + Send,
{
    for chunk in rows.chunks(BATCH) {
        A::Entity::insert_many(chunk.iter().cloned())
            .exec_without_returning(&act.tx)
            .await?;
    }
    Ok(())
}

/// Puts a path before those of a refusal.
fn below(error: Error, path: &[&str]) -> Error {
    match error {
        Error::Refused(mut errors) => {
            for error in &mut errors {
                error.path.splice(0..0, path.iter().map(|part| (*part).to_owned()));
            }
            Error::Refused(errors)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_two_numbers() {
        assert_eq!(numbers("1.0"), Some((1, 0)));
        for text in ["1", "1.0.0", "a.b", "-1.0", ""] {
            assert_eq!(numbers(text), None, "{text}");
        }
    }
}
