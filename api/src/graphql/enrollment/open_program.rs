//! Programs that units open for citizens to start by themselves.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    action::{self, enrollment::EnrollMyself},
    content::Content,
    open_program::{self, Filter, Model},
    page::Page,
};
use futures_util::FutureExt;
use serde::Serialize;

use super::Enrollment;
use crate::graphql::{
    care::Unit,
    connection::{self, Connection, connection},
    error::{Result, UserError},
    id::{self, Kind},
    mutation::mutate,
    program::Program,
    request::{self, Request},
};

/// A program that a unit has opened for citizens to start by themselves.
#[derive(SimpleObject)]
pub struct OpenProgram {
    /// The program.
    program: Program,
    /// The unit.
    unit: Unit,
    /// Since when.
    opened_at: DateTime<Utc>,
}

impl OpenProgram {
    /// With its content, which is in memory; none where the program is no longer published.
    async fn new(request: &Request, row: Model, locale: &Arc<str>) -> Result<Option<Self>> {
        let store = &request.store;
        let directory = store.directory();
        let mut programs = directory.programs().values();
        let published = programs.find(|published| published.program.id == row.program_id);
        let (Some(published), Some(unit)) = (published, directory.unit(row.unit_id)) else {
            return Ok(None);
        };
        let content: Arc<Content> = store.library().content(store.connection(), published.version).await?;
        Ok(Some(Self {
            program: Program {
                content,
                locale: locale.clone(),
            },
            unit: Unit(unit.clone()),
            opened_at: row.opened_at,
        }))
    }
}

/// Opens a program at a unit for citizens to start by themselves.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenProgramForSelfEnrollmentInput {
    /// The program's slug.
    program_slug: String,
    /// The unit that the viewer acts at.
    unit_id: ID,
    /// Must be true for a treatment, which staff otherwise start for those whom it suits.
    #[graphql(default)]
    allow_treatment: bool,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Closes a program at a unit.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CloseProgramForSelfEnrollmentInput {
    /// The program's slug.
    program_slug: String,
    /// The unit that the viewer acts at.
    unit_id: ID,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// Starts an open program.
#[derive(Clone, Debug, InputObject, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnrollMyselfInput {
    /// The program's slug.
    program_slug: String,
    /// The unit, which has opened it.
    unit_id: ID,
    /// For whom, where a guardian asks.
    citizen_id: Option<ID>,
    /// The same key and input get the first answer again.
    idempotency_key: Option<String>,
}

/// What came of opening a program.
#[derive(SimpleObject)]
pub struct OpenProgramForSelfEnrollmentPayload {
    /// What is open.
    open_program: Option<OpenProgram>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of closing a program.
#[derive(SimpleObject)]
pub struct CloseProgramForSelfEnrollmentPayload {
    /// The unit.
    unit: Option<Unit>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// What came of starting an open program.
#[derive(SimpleObject)]
pub struct EnrollMyselfPayload {
    /// The enrollment.
    enrollment: Option<Enrollment>,
    /// What can be mended.
    errors: Vec<UserError>,
}

/// Asking for open programs.
#[derive(Default)]
pub struct OpenProgramQuery;

#[Object]
impl OpenProgramQuery {
    /// The programs that units have opened for citizens to start by themselves: of one unit, or one program by its slug, where they
    /// are named. In `locale` or the language of the request.
    #[graphql(complexity = "connection::cost(first, child_complexity)")]
    async fn open_programs(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 20)] first: i32,
        after: Option<String>,
        unit_id: Option<ID>,
        program_slug: Option<String>,
        locale: Option<String>,
    ) -> Result<Connection<OpenProgram>> {
        let request = request::of(ctx);
        let unit = unit_id.map(|id| id::input(Kind::Unit, &id, "unitId")).transpose()?;
        let filter = Filter {
            unit,
            program: program_slug,
        };
        let page = open_program::page(&request.store, &filter, connection::first(first), after.as_deref()).await?;
        let locale: Arc<str> = locale.as_ref().unwrap_or(&request.language).as_str().into();
        let mut rows = Vec::with_capacity(page.rows.len());
        for (cursor, row) in page.rows {
            rows.extend(
                OpenProgram::new(request, row, &locale)
                    .await?
                    .map(|open| (cursor, open)),
            );
        }
        let page = Page {
            rows,
            has_next: page.has_next,
        };
        Ok(connection(page, after.is_some(), Default::default(), |open| open))
    }
}

/// Opening programs, closing them, and starting what is open.
#[derive(Default)]
pub struct OpenProgramMutation;

#[Object]
impl OpenProgramMutation {
    /// Opens a published program at a unit for citizens to start by themselves. Administrators of the unit do.
    async fn open_program_for_self_enrollment(
        &self,
        ctx: &Context<'_>,
        input: OpenProgramForSelfEnrollmentInput,
    ) -> Result<OpenProgramForSelfEnrollmentPayload> {
        let (wanted, key) = (input.clone(), input.idempotency_key.as_deref());
        let done = mutate(ctx, "openProgramForSelfEnrollment", key, &input, |act| {
            async move {
                let unit = id::input(Kind::Unit, &wanted.unit_id, "unitId")?;
                action::open_program::open(act, &wanted.program_slug, unit, wanted.allow_treatment).await
            }
            .boxed()
        });
        let (mut open_program, mut errors) = (None, Vec::new());
        match done.await? {
            Ok(id) => {
                let request = request::of(ctx);
                let locale: Arc<str> = request.language.as_str().into();
                if let Some(row) = open_program::find(&request.store, &[id]).await?.remove(&id) {
                    open_program = OpenProgram::new(request, row, &locale).await?;
                }
            }
            Err(refused) => errors = refused,
        }
        Ok(OpenProgramForSelfEnrollmentPayload { open_program, errors })
    }

    /// Closes a program at a unit: nobody starts it by themselves any more. Those who did go on.
    async fn close_program_for_self_enrollment(
        &self,
        ctx: &Context<'_>,
        input: CloseProgramForSelfEnrollmentInput,
    ) -> Result<CloseProgramForSelfEnrollmentPayload> {
        let (wanted, key) = (input.clone(), input.idempotency_key.as_deref());
        let done = mutate(ctx, "closeProgramForSelfEnrollment", key, &input, |act| {
            async move {
                let unit = id::input(Kind::Unit, &wanted.unit_id, "unitId")?;
                action::open_program::close(act, &wanted.program_slug, unit).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(unit) => CloseProgramForSelfEnrollmentPayload {
                unit: request::of(ctx).store.directory().unit(unit).cloned().map(Unit),
                errors: Vec::new(),
            },
            Err(errors) => CloseProgramForSelfEnrollmentPayload { unit: None, errors },
        })
    }

    /// Starts a program that a unit has opened, now. Citizens do it for themselves, guardians for those they act for.
    async fn enroll_myself(&self, ctx: &Context<'_>, input: EnrollMyselfInput) -> Result<EnrollMyselfPayload> {
        let wanted = input.clone();
        let done = mutate(ctx, "enrollMyself", input.idempotency_key.as_deref(), &input, |act| {
            async move {
                let wanted = EnrollMyself {
                    citizen_id: id::input_citizen(wanted.citizen_id.as_ref())?,
                    unit_id: id::input(Kind::Unit, &wanted.unit_id, "unitId")?,
                    program_slug: wanted.program_slug,
                };
                action::enrollment::enroll_myself(act, &wanted).await
            }
            .boxed()
        });
        Ok(match done.await? {
            Ok(id) => EnrollMyselfPayload {
                enrollment: Enrollment::find(ctx, id).await?,
                errors: Vec::new(),
            },
            Err(errors) => EnrollMyselfPayload {
                enrollment: None,
                errors,
            },
        })
    }
}
