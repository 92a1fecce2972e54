//! Everything that happens without anybody asking, and what both binaries share: the configuration, the log, the database
//! and the place of files at start, and the bus.

pub mod bus;
pub mod channel;
pub mod config;
pub mod database;
pub mod files;
mod heartbeat;
mod jobs;
pub mod log;
pub mod stop;
pub mod template;
mod worker;

pub use self::worker::Worker;
