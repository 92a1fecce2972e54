//! Which functions a version of a program offers. What is off is not there.

use rules::validate::Function;
use serde::{Deserialize, Serialize};

/// Which functions a version of a program offers: what its file does not name is as [`Features::default`] has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Features {
    /// Citizen and staff write to each other.
    pub messages: bool,
    /// What the citizen is to do on which days is planned, and registered.
    pub activity_plan: bool,
    /// Citizens plan activities themselves, beside the staff.
    pub citizen_plans_activities: bool,
    /// What has happened and what will is shown together.
    pub planning_view: bool,
    /// Whom the citizen can turn to is shown.
    pub contact_view: bool,
    /// Citizens fill in forms and do exercises.
    pub forms: bool,
    /// Flags are raised, for staff or for the citizen.
    pub flags: bool,
    /// Citizens and staff are reminded.
    pub reminders: bool,
}

impl Features {
    /// Whether a function is on that rules may need.
    pub fn offers(&self, function: Function) -> bool {
        match function {
            Function::Messages => self.messages,
            Function::ActivityPlan => self.activity_plan,
            Function::Forms => self.forms,
            Function::Flags => self.flags,
            Function::Reminders => self.reminders,
        }
    }

    /// The name of the field that switches a function on.
    pub(crate) fn field(function: Function) -> &'static str {
        match function {
            Function::Messages => "messages",
            Function::ActivityPlan => "activityPlan",
            Function::Forms => "forms",
            Function::Flags => "flags",
            Function::Reminders => "reminders",
        }
    }

    /// The functions that rules may need and that are off.
    pub fn lacking(&self) -> Vec<Function> {
        let lacks = |function: &Function| !self.offers(*function);
        Function::ALL.into_iter().filter(lacks).collect()
    }
}

impl Default for Features {
    fn default() -> Self {
        Self {
            messages: true,
            activity_plan: true,
            citizen_plans_activities: false,
            planning_view: true,
            contact_view: true,
            forms: true,
            flags: true,
            reminders: true,
        }
    }
}
