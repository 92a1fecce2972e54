//! Whether what was said of a module or section from an instant on changes something for the citizen when that instant comes.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Overlay, is_shown};
use crate::{act::TICK, content::Content, content_override, enrollment};

impl Overlay {
    /// Whether a module or section is shown, hidden or open from an instant after `since` on, up to now, because of what was said.
    /// It is not where something else was said of it since, where it was so before, where it stays hidden, and after the end;
    /// nor is it open where the enrollment is not under way, or the module of a section is closed.
    pub(crate) fn took_effect(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        said: &content_override::Model,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> bool {
        let has_come = |at: Option<DateTime<Utc>>| at.filter(|at| since <= *at && *at <= now);
        let turned = has_come(said.visible_from).is_some_and(|from| self.turned(content, said, from, now));
        let opened = has_come(said.opens_at).is_some() && self.opened(content, enrollment, said, now);
        !enrollment.has_ended() && (turned || opened)
    }

    /// The modules that are open by themselves since what was said of another one, or of a section of it, came: nothing in it is to
    /// be completed any more.
    pub(crate) fn opened_with(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        said: &content_override::Model,
        now: DateTime<Utc>,
    ) -> Vec<Uuid> {
        let modules = content.modules.iter().map(|module| module.row.id);
        let others = modules.filter(|module| Some(*module) != said.module_id);
        let opened = others.filter(|module| {
            let at = self.opened_by_itself(content, enrollment, *module, now);
            // Whose own time comes then and which waited for nothing else is told for itself.
            at.is_some_and(|at| Some(at) == said.visible_from && self.waited_until(content, *module, at))
        });
        opened.collect()
    }

    /// Whether the citizen sees it from an instant on and did not before, or the other way round.
    fn turned(
        &self,
        content: &Content,
        said: &content_override::Model,
        from: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> bool {
        let is_last = self.is_last(said, |row| row.visible.is_some());
        let (changes, is_in_sight) = match (said.module_id, said.section_id) {
            (Some(module), _) => (self.module_visibility(module), true),
            (None, Some(section)) => {
                let module = content.section(section).map(|(module, _)| module.row.id);
                let is_in_sight = module.is_some_and(|module| self.module_visible(module, now));
                (self.section_visibility(section), is_in_sight)
            }
            (None, None) => return false,
        };
        is_last && is_in_sight && is_shown(&changes, from - TICK) != is_shown(&changes, from)
    }

    /// Whether it is open now, by what was said.
    fn opened(
        &self,
        content: &Content,
        enrollment: &enrollment::Model,
        said: &content_override::Model,
        now: DateTime<Utc>,
    ) -> bool {
        let is_last = self.is_last(said, |row| row.opens_at.is_some());
        let availability = match (said.module_id, said.section_id) {
            (Some(module), _) => self.module_availability(content, enrollment, module, now),
            (None, Some(section)) => self.section_availability(content, enrollment, section, now),
            (None, None) => return false,
        };
        is_last && availability.open
    }

    /// Whether nobody said something of this sort of the same module or section since.
    fn is_last(&self, said: &content_override::Model, is_of_sort: impl Fn(&content_override::Model) -> bool) -> bool {
        let piece = (said.module_id, said.section_id);
        let mut of_same = self.overrides.iter().rev();
        let last = of_same.find(|row| (row.module_id, row.section_id) == piece && is_of_sort(row));
        last.is_some_and(|last| last.id == said.id)
    }
}
