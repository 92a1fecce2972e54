//! The content of a program version as one tree in memory. Published content is immutable, so each version is read once per
//! process and shared.

use std::{collections::BTreeMap, collections::HashMap, sync::Arc};

use moka::future::Cache;
use rules::{form::Form, text::Text};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use uuid::Uuid;

use crate::{
    block, content_text,
    error::{Error, Result},
    form_version, module, program, program_form,
    program_version::{self, VersionStatus},
    section, step,
    stored::Stored,
};

/// A program version with everything in it, in order.
#[derive(Debug)]
pub struct Content {
    /// The program.
    pub program: program::Model,
    /// The version.
    pub version: program_version::Model,
    /// Its modules.
    pub modules: Vec<ModuleContent>,
    /// The forms that it uses, by key.
    pub forms: BTreeMap<String, Arc<FormContent>>,
    pub(crate) texts: HashMap<Uuid, HashMap<String, Text>>,
}

/// A module with its sections.
#[derive(Debug)]
pub struct ModuleContent {
    /// The module.
    pub row: module::Model,
    /// The modules that must be completed before it opens.
    pub prerequisites: Vec<Uuid>,
    /// Its sections.
    pub sections: Vec<SectionContent>,
}

/// A section with its steps.
#[derive(Debug)]
pub struct SectionContent {
    /// The section.
    pub row: section::Model,
    /// Its steps.
    pub steps: Vec<StepContent>,
}

/// A step with its blocks.
#[derive(Debug)]
pub struct StepContent {
    /// The step.
    pub row: step::Model,
    /// Its blocks.
    pub blocks: Vec<block::Model>,
}

/// A version of a form, read.
#[derive(Debug)]
pub struct FormContent {
    /// The version's id.
    pub id: Uuid,
    /// Which version of the form, counted from 1.
    pub number: i32,
    /// The form.
    pub form: Form,
}

impl Content {
    /// A text of the version or of anything in it: `title`, `summary`, `html`, `altText` …; empty where there is none.
    pub fn text(&self, subject: Uuid, field: &str, locale: &str) -> &str {
        self.texts
            .get(&subject)
            .and_then(|fields| fields.get(field))
            .map_or("", |text| text.get(locale))
    }

    /// The languages that the version's title is written in.
    pub fn locales(&self) -> Vec<&str> {
        let title = self.texts.get(&self.version.id).and_then(|fields| fields.get("title"));
        title
            .map(|text| text.0.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    /// A module by id.
    pub fn module(&self, id: Uuid) -> Option<&ModuleContent> {
        self.modules.iter().find(|module| module.row.id == id)
    }

    /// A module by key.
    pub fn module_by_key(&self, key: &str) -> Option<&ModuleContent> {
        self.modules.iter().find(|module| module.row.key == key)
    }

    /// A section by key.
    pub fn section_by_key(&self, key: &str) -> Option<&SectionContent> {
        self.modules
            .iter()
            .flat_map(|module| &module.sections)
            .find(|section| section.row.key == key)
    }

    /// A section by id, with its module.
    pub fn section(&self, id: Uuid) -> Option<(&ModuleContent, &SectionContent)> {
        self.modules
            .iter()
            .find_map(|module| Some((module, module.sections.iter().find(|section| section.row.id == id)?)))
    }

    /// Every step in reading order, with where it stands.
    pub fn steps(&self) -> impl Iterator<Item = (&ModuleContent, &SectionContent, &StepContent)> {
        self.modules.iter().flat_map(|module| {
            module
                .sections
                .iter()
                .flat_map(move |section| section.steps.iter().map(move |step| (module, section, step)))
        })
    }

    /// A step by id, with where it stands.
    pub fn step(&self, id: Uuid) -> Option<(&ModuleContent, &SectionContent, &StepContent)> {
        self.steps().find(|(.., step)| step.row.id == id)
    }
}

/// What a version may be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// The program that it is a version of.
    Program,
    /// Itself.
    Version,
    /// A module in it.
    Module,
    /// A section in it.
    Section,
    /// A step in it.
    Step,
    /// A version of a form that it uses.
    Form,
}

/// The latest version that is or was published, and that is or holds the piece with this id. Everybody may read it.
///
/// # Errors
/// When the database fails.
pub async fn version_with(connection: &impl ConnectionTrait, piece: Piece, id: Uuid) -> Result<Option<Uuid>> {
    macro_rules! holding {
        ($table:ident, $column:ident) => {
            program_version::Column::Id.in_subquery(
                $table::Entity::find()
                    .select_only()
                    .column($table::Column::VersionId)
                    .filter($table::Column::$column.eq(id))
                    .into_query(),
            )
        };
    }
    let is_it = match piece {
        Piece::Program => program_version::Column::ProgramId.eq(id),
        Piece::Version => program_version::Column::Id.eq(id),
        Piece::Module => holding!(module, Id),
        Piece::Section => holding!(section, Id),
        Piece::Step => holding!(step, Id),
        Piece::Form => holding!(program_form, FormVersionId),
    };
    let released = [VersionStatus::Published, VersionStatus::Retired].map(Stored);
    Ok(program_version::Entity::find()
        .select_only()
        .column(program_version::Column::Id)
        .filter(is_it)
        .filter(program_version::Column::Status.is_in(released))
        .order_by_desc(program_version::Column::Major)
        .order_by_desc(program_version::Column::Minor)
        .into_tuple()
        .one(connection)
        .await?)
}

/// What was read so far.
#[derive(Debug)]
pub struct Library {
    versions: Cache<Uuid, Arc<Content>>,
    forms: Cache<Uuid, Arc<FormContent>>,
}

impl Default for Library {
    fn default() -> Self {
        Self {
            versions: Cache::new(256),
            forms: Cache::new(4096),
        }
    }
}

impl Library {
    /// A program version. Those that can still change are read anew each time.
    ///
    /// # Errors
    /// When there is no such version, the database fails, or a stored form cannot be read.
    pub async fn content(&self, connection: &impl ConnectionTrait, version: Uuid) -> Result<Arc<Content>> {
        if let Some(content) = self.versions.get(&version).await {
            return Ok(content);
        }
        let content = Arc::new(self.read(connection, version).await?);
        if matches!(
            content.version.status.0,
            VersionStatus::Published | VersionStatus::Retired
        ) {
            self.versions.insert(version, content.clone()).await;
        }
        Ok(content)
    }

    /// A version of a form.
    ///
    /// # Errors
    /// When there is no such version, the database fails, or the document cannot be read.
    pub async fn form(&self, connection: &impl ConnectionTrait, version: Uuid) -> Result<Arc<FormContent>> {
        if let Some(form) = self.forms.get(&version).await {
            return Ok(form);
        }
        let row = form_version::Entity::find_by_id(version).one(connection).await?;
        let row = row.ok_or_else(|| Error::Corrupt("a form version is missing".into()))?;
        self.keep(row).await
    }

    async fn keep(&self, row: form_version::Model) -> Result<Arc<FormContent>> {
        let (id, number) = (row.id, row.number);
        let form = serde_json::from_value(row.definition)
            .map_err(|error| Error::Corrupt(format!("form version {id}: {error}")))?;
        let form = Arc::new(FormContent { id, number, form });
        self.forms.insert(form.id, form.clone()).await;
        Ok(form)
    }

    async fn read(&self, connection: &impl ConnectionTrait, id: Uuid) -> Result<Content> {
        let missing = || Error::Corrupt("a program version is missing".into());
        let version = program_version::Entity::find_by_id(id)
            .one(connection)
            .await?
            .ok_or_else(missing)?;
        let program = program::Entity::find_by_id(version.program_id)
            .one(connection)
            .await?
            .ok_or_else(missing)?;

        let mut forms = BTreeMap::new();
        let pinned = program_form::Entity::find()
            .filter(program_form::Column::VersionId.eq(id))
            .all(connection)
            .await?;
        let ids = pinned.iter().map(|row| row.form_version_id);
        let rows = form_version::Entity::find()
            .filter(form_version::Column::Id.is_in(ids))
            .all(connection)
            .await?;
        let mut read = HashMap::new();
        for row in rows {
            read.insert(row.id, self.keep(row).await?);
        }
        for row in pinned {
            if let Some(form) = read.get(&row.form_version_id) {
                forms.insert(row.key, form.clone());
            }
        }

        let mut texts: HashMap<Uuid, HashMap<String, Text>> = HashMap::new();
        for row in content_text::Entity::find()
            .filter(content_text::Column::VersionId.eq(id))
            .all(connection)
            .await?
        {
            let field = texts.entry(row.subject_id).or_default().entry(row.field).or_default();
            field.0.insert(row.locale, row.text);
        }

        let mut blocks: HashMap<Uuid, Vec<block::Model>> = HashMap::new();
        let rows = block::Entity::find()
            .filter(block::Column::VersionId.eq(id))
            .order_by_asc(block::Column::Position);
        for row in rows.all(connection).await? {
            blocks.entry(row.step_id).or_default().push(row);
        }
        let mut steps: HashMap<Uuid, Vec<StepContent>> = HashMap::new();
        let rows = step::Entity::find()
            .filter(step::Column::VersionId.eq(id))
            .order_by_asc(step::Column::Position);
        for row in rows.all(connection).await? {
            let blocks = blocks.remove(&row.id).unwrap_or_default();
            steps
                .entry(row.section_id)
                .or_default()
                .push(StepContent { row, blocks });
        }
        let mut sections: HashMap<Uuid, Vec<SectionContent>> = HashMap::new();
        let rows = section::Entity::find()
            .filter(section::Column::VersionId.eq(id))
            .order_by_asc(section::Column::Position);
        for row in rows.all(connection).await? {
            let steps = steps.remove(&row.id).unwrap_or_default();
            sections
                .entry(row.module_id)
                .or_default()
                .push(SectionContent { row, steps });
        }
        let rows = module::Entity::find()
            .filter(module::Column::VersionId.eq(id))
            .order_by_asc(module::Column::Position);
        let rows = rows.all(connection).await?;
        let ids: HashMap<String, Uuid> = rows.iter().map(|row| (row.key.clone(), row.id)).collect();
        let mut modules = Vec::with_capacity(rows.len());
        for row in rows {
            let keys = row.prerequisites()?;
            modules.push(ModuleContent {
                prerequisites: keys.iter().filter_map(|key| ids.get(key).copied()).collect(),
                sections: sections.remove(&row.id).unwrap_or_default(),
                row,
            });
        }

        Ok(Content {
            program,
            version,
            modules,
            forms,
            texts,
        })
    }
}
