//! Writing and publishing versions of programs.

use std::collections::{BTreeMap, BTreeSet};

use rules::{form::Form, period::Period, text::Text};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use super::form;
use crate::{
    act::{Act, BATCH},
    assignment::Role,
    block::{self, BlockKind},
    content_text,
    error::{Error, Result, UserError},
    input::{self, Complaints},
    module, program,
    program_file::{BlockFile, ProgramFile},
    program_form,
    program_version::{self, VersionStatus},
    section, step,
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
        features: serde_json::Value::Object(file.features.clone()),
        duration: file.duration.map(|duration| duration.to_string()),
        published_at: None,
        created_at: act.now,
    };
    version.clone().into_active_model().reset_all().insert(&act.tx).await?;

    let mut pinned = Vec::new();
    for (index, key) in file.forms.iter().enumerate() {
        let Some(form) = forms.get(key.as_str()) else { continue };
        let form_version_id = form::save(act, form)
            .await
            .map_err(|error| below(error, &["forms", &index.to_string()]))?;
        pinned.push(program_form::ActiveModel {
            version_id: Set(version.id),
            key: Set(key.clone()),
            form_version_id: Set(form_version_id),
        });
    }
    let mut rows = Rows::new(act, version.id);
    rows.text(version.id, "title", &file.title);
    rows.text(version.id, "summary", &file.summary);
    rows.modules(file);
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
/// When there is no such version that still waits to be published, at `versionId`.
pub async fn publish(act: &mut Act, version: Uuid) -> Result<()> {
    use program_version::Column;
    if !act.viewer.has_role(Role::Publisher) {
        return Err(UserError::not_allowed("Only publishers publish programs.").into());
    }
    let row = program_version::Entity::find_by_id(version).one(&act.tx).await?;
    let row = row.filter(|row| matches!(row.status.0, VersionStatus::Draft | VersionStatus::InReview));
    let row = row.ok_or_else(|| UserError::not_found("versionId", "version that waits to be published"))?;
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
    complaints.refuse()?;
    Ok(numbers.unwrap_or_default())
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

/// The rows of a version, collected.
struct Rows<'a> {
    act: &'a Act,
    version: Uuid,
    modules: Vec<module::ActiveModel>,
    sections: Vec<section::ActiveModel>,
    steps: Vec<step::ActiveModel>,
    blocks: Vec<block::ActiveModel>,
    texts: Vec<content_text::ActiveModel>,
}

impl<'a> Rows<'a> {
    fn new(act: &'a Act, version: Uuid) -> Self {
        Self {
            act,
            version,
            modules: Vec::new(),
            sections: Vec::new(),
            steps: Vec::new(),
            blocks: Vec::new(),
            texts: Vec::new(),
        }
    }

    fn text(&mut self, subject: Uuid, field: &str, text: &Text) {
        self.texts
            .extend(text.0.iter().map(|(locale, text)| content_text::ActiveModel {
                version_id: Set(self.version),
                subject_id: Set(subject),
                field: Set(field.to_owned()),
                locale: Set(locale.clone()),
                text: Set(text.clone()),
            }));
    }

    fn modules(&mut self, file: &ProgramFile) {
        for (position, module) in (0..).zip(&file.modules) {
            let module_id = self.act.id();
            self.text(module_id, "title", &module.title);
            self.modules.push(module::ActiveModel {
                id: Set(module_id),
                version_id: Set(self.version),
                key: Set(module.key.clone()),
                position: Set(position),
                opens: Set(module.opens.clone()),
            });
            for (position, section) in (0..).zip(&module.sections) {
                let section_id = self.act.id();
                self.text(section_id, "title", &section.title);
                self.sections.push(section::ActiveModel {
                    id: Set(section_id),
                    version_id: Set(self.version),
                    module_id: Set(module_id),
                    key: Set(section.key.clone()),
                    position: Set(position),
                });
                for (position, step) in (0..).zip(&section.steps) {
                    let step_id = self.act.id();
                    self.text(step_id, "title", &step.title);
                    self.steps.push(step::ActiveModel {
                        id: Set(step_id),
                        version_id: Set(self.version),
                        section_id: Set(section_id),
                        key: Set(step.key.clone()),
                        position: Set(position),
                        estimated_minutes: Set(step.minutes.map(i32::from)),
                    });
                    for (position, block) in (0..).zip(&step.blocks) {
                        self.block(step_id, position, block);
                    }
                }
            }
        }
    }

    fn block(&mut self, step: Uuid, position: i32, block: &BlockFile) {
        let id = self.act.id();
        let seconds = |seconds: &Option<u32>| seconds.and_then(|seconds| i32::try_from(seconds).ok());
        let (kind, form_key, url, duration_seconds) = match block {
            BlockFile::Text(html) => {
                let clean = html
                    .0
                    .iter()
                    .map(|(locale, html)| (locale.clone(), sanitised(html)))
                    .collect();
                self.text(id, "html", &Text(clean));
                (BlockKind::Text, None, None, None)
            }
            BlockFile::Image { url, alt } => {
                self.text(id, "altText", alt);
                (BlockKind::Image, None, Some(url), None)
            }
            BlockFile::Video {
                url,
                seconds: length,
                captions,
            } => {
                self.text(id, "captionsUrl", captions);
                (BlockKind::Video, None, Some(url), seconds(length))
            }
            BlockFile::Audio {
                url,
                seconds: length,
                transcript,
            } => {
                self.text(id, "transcript", transcript);
                (BlockKind::Audio, None, Some(url), seconds(length))
            }
            BlockFile::File { url, title } => {
                self.text(id, "title", title);
                (BlockKind::File, None, Some(url), None)
            }
            BlockFile::Form(key) => (BlockKind::Form, Some(key), None, None),
            BlockFile::Exercise(key) => (BlockKind::Exercise, Some(key), None, None),
        };
        self.blocks.push(block::ActiveModel {
            id: Set(id),
            version_id: Set(self.version),
            step_id: Set(step),
            position: Set(position),
            kind: Set(kind.into()),
            form_key: Set(form_key.cloned()),
            url: Set(url.cloned()),
            duration_seconds: Set(duration_seconds),
        });
    }
}

/// Formatted text without scripts, styles, forms and pictures: a picture of another server would tell it who reads what.
/// Pictures are blocks of their own.
fn sanitised(html: &str) -> String {
    ammonia::Builder::default()
        .rm_tags(["img"])
        .url_schemes(["https", "mailto", "tel"].into())
        .clean(html)
        .to_string()
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
    fn rich_text_loses_what_could_harm() {
        let clean = sanitised(
            "<p onclick=\"x()\">Hej <strong>du</strong><script>x()</script><img src=\"https://e.example/i.png\">\
             <a href=\"javascript:x()\">a</a> <a href=\"https://1177.se\">b</a></p><blockquote>c</blockquote>",
        );
        assert!(clean.starts_with("<p>Hej <strong>du</strong>"), "{clean}");
        assert!(
            clean.contains("href=\"https://1177.se\"") && clean.contains("<blockquote>c</blockquote>"),
            "{clean}"
        );
        for gone in ["script", "onclick", "img"] {
            assert!(!clean.contains(gone), "{gone} in {clean}");
        }
    }

    #[test]
    fn a_version_is_two_numbers() {
        assert_eq!(numbers("1.0"), Some((1, 0)));
        for text in ["1", "1.0.0", "a.b", "-1.0", ""] {
            assert_eq!(numbers(text), None, "{text}");
        }
    }
}
