//! The functions of a program that a rule needs.

use super::{ProgramShape, Report, rule};
use crate::definition::RuleDefinition;

/// The code of what is wrong with a rule that needs what its program does not offer.
const NOT_OFFERED: &str = "NOT_OFFERED";

/// A function that a program may leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// Messages between citizen and staff.
    Messages,
    /// The activity plan.
    ActivityPlan,
    /// Forms and exercises.
    Forms,
    /// Flags.
    Flags,
    /// Reminders.
    Reminders,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Messages,
        Self::ActivityPlan,
        Self::Forms,
        Self::Flags,
        Self::Reminders,
    ];

    /// What people call it: "the program has no …".
    pub const fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::ActivityPlan => "activity plan",
            Self::Forms => "forms",
            Self::Flags => "flags",
            Self::Reminders => "reminders",
        }
    }
}

/// The functions that a rule cannot do without, whatever program it belongs to.
pub fn needs(definition: &RuleDefinition) -> Vec<Function> {
    let is_needed = |function: &Function| {
        let shape = ProgramShape {
            lacks: vec![*function],
            ..ProgramShape::default()
        };
        let problems = rule(definition, &shape);
        problems.iter().any(|problem| problem.code == NOT_OFFERED)
    };
    Function::ALL.into_iter().filter(is_needed).collect()
}

/// Checks that the program offers a function. Tells whether it does.
pub(super) fn offered(report: &mut Report, function: Function, shape: &ProgramShape<'_>) -> bool {
    let is_offered = !shape.lacks.contains(&function);
    if !is_offered {
        report.add(NOT_OFFERED, format!("The program has no {}", function.name()));
    }
    is_offered
}
