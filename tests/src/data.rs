//! Real data that other people wrote for other systems. It is not part of the project; whoever has it tests more.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// The folder of real data: what `HANDRAIL_TEST_DATA` names, else `shared/data` beside the checkout. Where there is none,
/// it says so once, and tests leave out what needs it.
pub fn folder() -> Option<PathBuf> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOLDER.get_or_init(find).clone()
}

fn find() -> Option<PathBuf> {
    let named = std::env::var_os("HANDRAIL_TEST_DATA").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"));
    if folder.is_dir() {
        return Some(folder);
    }
    crate::left_out("what needs real data, since neither HANDRAIL_TEST_DATA nor ../shared/data is a folder");
    None
}
