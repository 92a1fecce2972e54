//! HTTP, sign-in and GraphQL: everything that people and their frontends meet. The library behind the binary `handrail`.

pub mod app;
pub mod auth;
pub mod cli;
pub mod fhir;
pub mod graphql;
pub mod http;
pub mod limits;
pub mod request;
pub mod seed;
pub mod server;
pub mod ws;

#[cfg(test)]
mod testing;
