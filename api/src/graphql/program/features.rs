//! Which functions a version of a program offers.

use async_graphql::SimpleObject;
use entity::feature::Features;

/// Which functions a version of a program offers. What is off is not there.
#[derive(Clone, Copy, Debug, SimpleObject)]
pub struct ProgramFeatures {
    /// Citizen and staff write to each other.
    messages: bool,
    /// What the citizen is to do on which days is planned, and registered.
    activity_plan: bool,
    /// Citizens plan activities themselves, beside the staff.
    citizen_plans_activities: bool,
    /// What has happened and what will is shown together.
    planning_view: bool,
    /// Whom the citizen can turn to is shown.
    contact_view: bool,
    /// Citizens fill in forms and do exercises.
    forms: bool,
    /// Flags are raised, for staff or for the citizen.
    flags: bool,
    /// Citizens and staff are reminded.
    reminders: bool,
}

impl From<Features> for ProgramFeatures {
    fn from(features: Features) -> Self {
        Self {
            messages: features.messages,
            activity_plan: features.activity_plan,
            citizen_plans_activities: features.citizen_plans_activities,
            planning_view: features.planning_view,
            contact_view: features.contact_view,
            forms: features.forms,
            flags: features.flags,
            reminders: features.reminders,
        }
    }
}
