//! What the fields of an enrollment read: itself, its content with what the citizen has done of it, and who treats.

use std::sync::Arc;

use async_graphql::Context;
use chrono::{DateTime, Utc};
use entity::{content::Content, enrollment, progress::Overlay, unit, viewer::Who};
use uuid::Uuid;

use super::{Enrollment, EnrollmentModule, EnrollmentSection, EnrollmentStep, content::Taken};
use crate::graphql::{
    activity::ActivityOccurrence,
    care::Staff,
    contact::Contact,
    error::Result,
    loader::{EnrollmentKey, OccurrencesOf, OverlayOf, TherapistsOf},
    request,
};

impl Enrollment {
    /// An enrollment, read in its own language.
    pub fn new(row: Arc<enrollment::Model>) -> Self {
        Self {
            locale: row.locale.as_str().into(),
            row,
        }
    }

    /// The enrollment, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>> {
        Ok(request::of(ctx).loads.load_one(EnrollmentKey(id)).await?.map(Self::new))
    }

    /// The language of an enrollment, if the viewer may see it.
    pub async fn language(ctx: &Context<'_>, id: Uuid) -> Result<Option<Arc<str>>> {
        let found = request::of(ctx).loads.load_one(EnrollmentKey(id)).await?;
        Ok(found.map(|row| row.locale.as_str().into()))
    }

    pub(in crate::graphql) async fn content(&self, ctx: &Context<'_>) -> Result<Arc<Content>> {
        let store = &request::of(ctx).store;
        Ok(store.library().content(store.connection(), self.row.version_id).await?)
    }

    pub(super) async fn overlay(&self, ctx: &Context<'_>) -> Result<Arc<Overlay>> {
        Ok(request::of(ctx)
            .loads
            .load_one(OverlayOf(self.row.id))
            .await?
            .unwrap_or_default())
    }

    /// The content as this enrollment has it.
    pub(super) async fn taken(&self, ctx: &Context<'_>) -> Result<Arc<Taken>> {
        Ok(Arc::new(Taken {
            enrollment: self.row.clone(),
            content: self.content(ctx).await?,
            overlay: self.overlay(ctx).await?,
            locale: self.locale.clone(),
            now: request::of(ctx).store.now(),
            // Staff see also what is hidden.
            shows_hidden: matches!(request::of(ctx).viewer.who, Who::Staff { .. } | Who::System),
        }))
    }

    /// A module of it that the viewer sees.
    pub async fn module(&self, ctx: &Context<'_>, id: Uuid) -> Result<Option<EnrollmentModule>> {
        Ok(self.taken(ctx).await?.module_by_id(id))
    }

    /// A section of it that the viewer sees.
    pub async fn section(&self, ctx: &Context<'_>, id: Uuid) -> Result<Option<EnrollmentSection>> {
        Ok(self.taken(ctx).await?.section_by_id(id))
    }

    /// From when a module or a section is shown or hidden as was said last; none where it is already.
    pub async fn visibility_changes_at(&self, ctx: &Context<'_>, piece: Uuid) -> Result<Option<DateTime<Utc>>> {
        let taken = self.taken(ctx).await?;
        Ok(taken.overlay.changes_at(piece, taken.now))
    }

    /// A step of it that the viewer sees.
    pub async fn step(&self, ctx: &Context<'_>, id: Uuid) -> Result<Option<EnrollmentStep>> {
        Ok(self.taken(ctx).await?.step_by_id(id))
    }

    /// What comes of the activity plan in a span of time.
    pub async fn activities_between(
        &self,
        ctx: &Context<'_>,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<ActivityOccurrence>> {
        let key = OccurrencesOf {
            enrollment: self.row.id,
            zone: self.row.tz(),
            from,
            to,
        };
        let days = request::of(ctx).loads.load_one(key).await?.unwrap_or_default();
        Ok(days.iter().cloned().map(ActivityOccurrence).collect())
    }

    /// Whom the citizen can turn to; none where the program has no contact view.
    pub(super) async fn contact_at(&self, ctx: &Context<'_>, unit: unit::Model) -> Result<Option<Contact>> {
        if !self.content(ctx).await?.version.features().contact_view {
            return Ok(None);
        }
        Ok(Some(Contact {
            unit,
            therapists: Staff::all(ctx, self.therapist_ids(ctx).await?),
            locale: self.locale.clone(),
        }))
    }

    pub(super) async fn therapist_ids(&self, ctx: &Context<'_>) -> Result<Vec<Uuid>> {
        Ok(request::of(ctx)
            .loads
            .load_one(TherapistsOf(self.row.id))
            .await?
            .unwrap_or_default())
    }
}
