//! What can be asked: the schema, code first. One file or folder holds what concerns one word of the domain; resolvers call
//! the record's queries and actions and decide nothing themselves.

mod activity;
mod actor;
mod administration;
mod assignee;
mod calendar_feed;
mod care;
mod citizen;
mod connection;
mod contact;
mod dispatch;
mod enrollment;
mod error;
mod execute;
mod flag;
mod form;
mod form_import;
mod form_schedule;
mod id;
mod loader;
mod measurement;
mod message;
mod mutation;
mod node;
mod office_hours;
mod program;
mod reminder;
mod request;
mod result;
mod rule;
mod scalar;
mod statistics;
mod subscription;
mod timeline;
mod viewer;

pub use error::advice;
pub use execute::{execute, execute_stream};
pub use id::{Kind, id, of};

use async_graphql::{MergedObject, SDLExportOptions};
use worker::config::Config;

use crate::limits::Complexity;

/// What can be asked.
pub type Schema = async_graphql::Schema<Query, Mutation, subscription::SubscriptionRoot>;

/// Everything that can be read.
#[derive(MergedObject, Default)]
pub struct Query(
    administration::AdministrationQuery,
    care::CareQuery,
    dispatch::DispatchQuery,
    enrollment::EnrollmentQuery,
    enrollment::OpenProgramQuery,
    node::NodeQuery,
    program::ProgramQuery,
    result::ResultQuery,
    rule::RuleQuery,
    viewer::ViewerQuery,
);

/// Everything that people do. In groups: the members of a merged object lie within one another, and whoever resolves the innermost
/// of thirty or more has no stack left for what it does.
#[derive(MergedObject, Default)]
pub struct Mutation(Administering, Enrolling, Treating, Oneself);

/// What people do for a care provider, a unit, and what it works with.
#[derive(MergedObject, Default)]
struct Administering(
    administration::AssignmentMutation,
    administration::InvitationMutation,
    administration::ProviderMutation,
    administration::StaffMutation,
    administration::UnitMutation,
    contact::UnitContactMutation,
    form_import::FormImportMutation,
    message::UnitMessageMutation,
    office_hours::OfficeHoursMutation,
    rule::OverrideMutation,
    rule::RuleMutation,
);

/// What people do with enrollments as a whole, and with who takes part.
#[derive(MergedObject, Default)]
struct Enrolling(
    contact::ContactCorrectionMutation,
    enrollment::EnrollmentMutation,
    enrollment::GroupMutation,
    enrollment::HandOverMutation,
    enrollment::LifeMutation,
    enrollment::OpenProgramMutation,
    enrollment::VisibilityMutation,
);

/// What citizens and staff do within an enrollment.
#[derive(MergedObject, Default)]
struct Treating(
    activity::ActivityChangeMutation,
    activity::ActivityMutation,
    dispatch::DispatchChangeMutation,
    dispatch::DispatchMutation,
    flag::FlagHandlingMutation,
    flag::FlagMutation,
    form_schedule::FormScheduleMutation,
    measurement::MeasurementMutation,
    message::MessageMutation,
    reminder::ReminderMutation,
    result::ResultMutation,
);

/// What people say of themselves.
#[derive(MergedObject, Default)]
struct Oneself(
    calendar_feed::CalendarFeedMutation,
    contact::OwnContactMutation,
    viewer::ViewerMutation,
);

/// The schema, within the configured limits, with introspection where the configuration allows it.
pub fn schema(config: &Config) -> Schema {
    let schema = Schema::build(Query::default(), Mutation::default(), subscription::SubscriptionRoot)
        .data(calendar_feed::PublicUrl(config.public_url()))
        .extension(Complexity(config.limits.complexity))
        .limit_depth(config.limits.depth);
    if config.has_introspection() {
        schema.finish()
    } else {
        schema.disable_introspection().finish()
    }
}

/// The schema in GraphQL's own language, sorted: what `schema.graphql` holds.
pub fn sdl() -> String {
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .prefer_single_line_descriptions();
    schema(&Config::default()).sdl_with_options(options)
}
