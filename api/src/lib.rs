//! HTTP, sign-in and GraphQL: everything that people and their frontends meet. The library behind the binary `handrail`.

// The schema merges many objects, each around the next: their futures are deep types.
#![recursion_limit = "256"]

pub mod app;
pub mod auth;
pub mod cli;
pub mod fhir;
pub mod form_import;
pub mod graphql;
pub mod http;
pub mod limits;
pub mod operation;
pub mod request;
pub mod result;
pub mod seed;
pub mod server;
pub mod spreadsheet;
pub mod statistics;
pub mod ws;

#[cfg(test)]
mod testing;
