//! Anything by its id.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object};
use entity::content::{self, Content, Piece};
use uuid::Uuid;

use super::{
    activity::{ActivityEntry, ActivityOccurrence, PlannedActivity},
    administration::{Assignment, CareProvider},
    care::{Staff, Unit},
    citizen::Citizen,
    dispatch::Dispatch,
    enrollment::{Enrollment, EnrollmentModule, EnrollmentSection, EnrollmentStep},
    error::Result,
    flag::Flag,
    form::Form,
    id::{self, GlobalId, Kind},
    loader::CitizenKey,
    measurement::Measurement,
    message::Message,
    program::{Module, Program, ProgramVersion, Section, Step},
    reminder::Reminder,
    request,
    result::FormResult,
    rule::Rule,
};

/// Anything that has an identity.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "Identity: opaque, and unique among all nodes."))]
pub enum Node {
    ActivityEntry(ActivityEntry),
    ActivityOccurrence(ActivityOccurrence),
    Assignment(Assignment),
    CareProvider(CareProvider),
    Citizen(Citizen),
    Dispatch(Dispatch),
    Enrollment(Enrollment),
    EnrollmentModule(EnrollmentModule),
    EnrollmentSection(EnrollmentSection),
    EnrollmentStep(EnrollmentStep),
    Flag(Flag),
    Form(Form),
    Measurement(Measurement),
    Message(Message),
    Module(Module),
    PlannedActivity(PlannedActivity),
    Program(Program),
    ProgramVersion(ProgramVersion),
    Reminder(Reminder),
    Result(FormResult),
    Rule(Rule),
    Section(Section),
    Staff(Staff),
    Step(Step),
    Unit(Unit),
}

/// Asking for anything by its id.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything that the viewer may see, by its id.
    async fn node(&self, ctx: &Context<'_>, id: ID) -> Option<Result<Node>> {
        find(ctx, id::read(&id)?).await.transpose()
    }
}

async fn find(ctx: &Context<'_>, of: GlobalId) -> Result<Option<Node>> {
    let request = request::of(ctx);
    let id = of.id;
    if let Some(enrollment) = of.enrollment {
        let Some(enrollment) = Enrollment::find(ctx, enrollment).await? else {
            return Ok(None);
        };
        return Ok(match of.kind {
            Kind::EnrollmentModule => enrollment.module(ctx, id).await?.map(Node::EnrollmentModule),
            Kind::EnrollmentSection => enrollment.section(ctx, id).await?.map(Node::EnrollmentSection),
            Kind::EnrollmentStep => enrollment.step(ctx, id).await?.map(Node::EnrollmentStep),
            _ => None,
        });
    }
    Ok(match of.kind {
        Kind::Citizen => request
            .loads
            .load_one(CitizenKey(id))
            .await?
            .map(|_| Node::Citizen(Citizen(id))),
        Kind::Dispatch => Dispatch::find(ctx, id).await?.map(Node::Dispatch),
        Kind::Enrollment => Enrollment::find(ctx, id).await?.map(Node::Enrollment),
        Kind::Assignment => Assignment::find(ctx, id).await?.map(Node::Assignment),
        Kind::CareProvider => CareProvider::find(ctx, id).await?.map(Node::CareProvider),
        Kind::ActivityEntry => ActivityEntry::find(ctx, id).await?.map(Node::ActivityEntry),
        Kind::ActivityOccurrence => match of.day {
            Some(day) => ActivityOccurrence::find(ctx, id, day)
                .await?
                .map(Node::ActivityOccurrence),
            None => None,
        },
        Kind::Measurement => Measurement::find(ctx, id).await?.map(Node::Measurement),
        Kind::Message => Message::find(ctx, id).await?.map(Node::Message),
        Kind::PlannedActivity => PlannedActivity::find(ctx, id).await?.map(Node::PlannedActivity),
        Kind::Flag => Flag::find(ctx, id).await?.map(Node::Flag),
        Kind::Reminder => Reminder::find(ctx, id).await?.map(Node::Reminder),
        Kind::Result => FormResult::find(ctx, id).await?.map(Node::Result),
        Kind::Rule => Rule::find(ctx, id).await?.map(Node::Rule),
        Kind::Staff => staff(ctx, id).map(Node::Staff),
        Kind::Unit => Unit::find(ctx, id).map(Node::Unit),
        Kind::Form => released(ctx, Piece::Form, id).await?,
        Kind::Module => released(ctx, Piece::Module, id).await?,
        Kind::Program => released(ctx, Piece::Program, id).await?,
        Kind::ProgramVersion => released(ctx, Piece::Version, id).await?,
        Kind::Section => released(ctx, Piece::Section, id).await?,
        Kind::Step => released(ctx, Piece::Step, id).await?,
        _ => None,
    })
}

/// A colleague: a staff member of the provider that the viewer acts for.
fn staff(ctx: &Context<'_>, id: Uuid) -> Option<Staff> {
    let request = request::of(ctx);
    let directory = request.store.directory();
    let provider = directory.unit(request.viewer.unit()?)?.provider_id;
    directory
        .staff(id)
        .filter(|staff| staff.provider_id == provider)
        .cloned()
        .map(Staff)
}

/// A piece of a program as it is published now, or else as it was when those who still take part in it began.
async fn released(ctx: &Context<'_>, piece: Piece, id: Uuid) -> Result<Option<Node>> {
    let store = &request::of(ctx).store;
    let locale: Arc<str> = request::of(ctx).language.as_str().into();
    for published in store.directory().programs().values() {
        let content = store.library().content(store.connection(), published.version).await?;
        let found = part(&content, &locale, piece, id);
        if found.is_some() {
            return Ok(found);
        }
    }
    let Some(version) = content::version_with(store.connection(), piece, id).await? else {
        return Ok(None);
    };
    let content = store.library().content(store.connection(), version).await?;
    Ok(part(&content, &locale, piece, id))
}

fn part(content: &Arc<Content>, locale: &Arc<str>, piece: Piece, id: Uuid) -> Option<Node> {
    match piece {
        Piece::Program => (content.program.id == id).then(|| {
            let (content, locale) = (content.clone(), locale.clone());
            Node::Program(Program { content, locale })
        }),
        Piece::Version => (content.version.id == id).then(|| {
            let (content, locale) = (content.clone(), locale.clone());
            Node::ProgramVersion(ProgramVersion { content, locale })
        }),
        Piece::Form => {
            let content = content.forms.values().find(|form| form.id == id)?.clone();
            let locale = locale.clone();
            Some(Node::Form(Form { content, locale }))
        }
        Piece::Module => Module::find(content, locale, id).map(Node::Module),
        Piece::Section => Section::find(content, locale, id).map(Node::Section),
        Piece::Step => Step::find(content, locale, id).map(Node::Step),
    }
}

#[cfg(test)]
mod tests {
    use entity::{action, program_file::ProgramFile, viewer::Viewer};
    use serde_json::{Value, json};

    use super::*;
    use crate::{request::Asked, testing::House};

    /// Publishes a version whose only form asks this.
    async fn publish(house: &House, version: &str, question: &str) -> Arc<Content> {
        let text = |text: &str| json!({ "en": text });
        let program: ProgramFile = serde_json::from_value(json!({
            "slug": "sleep", "kind": "SUPPORT", "version": version, "title": text("Sleep"), "summary": text("Sleep."),
            "forms": ["diary"],
            "modules": [{ "key": "one", "title": text("One"), "opens": "START", "sections": [
                { "key": "first", "title": text("First"), "steps": [
                    { "key": "write", "title": text("Write"), "blocks": [{ "exercise": "diary" }] }] }] }],
        }))
        .unwrap();
        let form = serde_json::from_value(json!({
            "key": "diary", "title": text("Diary"), "items": [{ "key": "night", "kind": "TEXT", "text": text(question) }],
        }))
        .unwrap();
        let store = house.server.store();
        let mut act = store.act(&Viewer::system()).await.unwrap();
        let version = action::program::import(&mut act, &program, &[form]).await.unwrap();
        act.commit().await.unwrap();
        store.refresh().await.unwrap();
        store.library().content(store.connection(), version).await.unwrap()
    }

    /// The type's name of what a staff member finds.
    async fn found(house: &House, kind: Kind, of: Uuid) -> Value {
        let app = house.server.app();
        let query = "query($id: ID!) { node(id: $id) { __typename id } }";
        let asked = json!({ "query": query, "variables": { "id": id::id(kind, of) } });
        let prepared = Asked::read(asked).unwrap().prepare(&app.limits).unwrap();
        let ingrid = app.store.directory().sign_in("ingrid", None).unwrap();
        let response = app.execute(prepared, ingrid, None).await;
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        response.data.into_json().unwrap()["node"]["__typename"].take()
    }

    #[tokio::test]
    async fn what_was_published_is_found_ever_after() {
        let house = House::build().await;
        let old = publish(&house, "1.0", "How did you sleep?").await;
        let new = publish(&house, "2.0", "How was the night?").await;
        for content in [&old, &new] {
            let (module, section, step) = content.steps().next().unwrap();
            let form = content.forms["diary"].id;
            for (kind, id, name) in [
                (Kind::Program, content.program.id, "Program"),
                (Kind::ProgramVersion, content.version.id, "ProgramVersion"),
                (Kind::Module, module.row.id, "Module"),
                (Kind::Section, section.row.id, "Section"),
                (Kind::Step, step.row.id, "Step"),
                (Kind::Form, form, "Form"),
            ] {
                assert_eq!(found(&house, kind, id).await, name);
            }
        }
        assert_ne!(old.forms["diary"].id, new.forms["diary"].id);
        assert_eq!(found(&house, Kind::Form, Uuid::from_u128(1)).await, Value::Null);
    }
}
