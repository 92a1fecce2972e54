//! What happens, as it happens: everything that people do in a program, told to those whom it concerns and to nobody else, and
//! told once whatever fails meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod contact;
mod faults;
mod from_a_date;
mod openings;
mod resuming;
mod told;
mod ward;
