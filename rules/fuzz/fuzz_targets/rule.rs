//! Any bytes as a rule: see `judge.rs`.

#![no_main]

#[path = "../judge.rs"]
mod judge;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    judge::bytes(bytes);
});
