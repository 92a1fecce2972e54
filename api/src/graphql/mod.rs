//! What can be asked: the schema, code first. One file or folder holds what concerns one word of the domain; resolvers call
//! the record's queries and actions and decide nothing themselves.

mod activity;
mod care;
mod connection;
mod dispatch;
mod enrollment;
mod error;
mod execute;
mod flag;
mod form;
mod id;
mod loader;
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
mod subscription;
mod viewer;

pub use error::advice;
pub use execute::{execute, execute_stream};
pub use id::{Kind, id};

use async_graphql::{MergedObject, SDLExportOptions};
use worker::config::Config;

use crate::limits::Complexity;

/// What can be asked.
pub type Schema = async_graphql::Schema<Query, Mutation, subscription::SubscriptionRoot>;

/// Everything that can be read.
#[derive(MergedObject, Default)]
pub struct Query(
    care::CareQuery,
    dispatch::DispatchQuery,
    enrollment::EnrollmentQuery,
    node::NodeQuery,
    program::ProgramQuery,
    result::ResultQuery,
    rule::RuleQuery,
    viewer::ViewerQuery,
);

/// Everything that people do.
#[derive(MergedObject, Default)]
pub struct Mutation(
    activity::ActivityMutation,
    dispatch::DispatchMutation,
    enrollment::EnrollmentMutation,
    flag::FlagMutation,
    message::MessageMutation,
    office_hours::OfficeHoursMutation,
    reminder::ReminderMutation,
    rule::OverrideMutation,
    rule::RuleMutation,
);

/// The schema, within the configured limits, with introspection where the configuration allows it.
pub fn schema(config: &Config) -> Schema {
    let schema = Schema::build(Query::default(), Mutation::default(), subscription::SubscriptionRoot)
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
