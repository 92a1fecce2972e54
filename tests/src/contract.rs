//! The operations that frontends send verbatim. They are not part of the project; whoever has them tests more.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Every operation of the contract by name, as it is written; read from the folder that `HANDRAIL_TEST_CONTRACT` names, else
/// from `shared/contract` beside the checkout. Where there is none, it says so once, and tests leave out what needs it.
///
/// # Panics
/// When the folder has no `operations.graphql`.
pub fn operations() -> Option<&'static BTreeMap<String, String>> {
    static OPERATIONS: OnceLock<Option<BTreeMap<String, String>>> = OnceLock::new();
    OPERATIONS.get_or_init(read).as_ref()
}

fn read() -> Option<BTreeMap<String, String>> {
    let named = std::env::var_os("HANDRAIL_TEST_CONTRACT").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/contract"));
    if !folder.is_dir() {
        crate::left_out("the contract, since neither HANDRAIL_TEST_CONTRACT nor ../shared/contract is a folder");
        return None;
    }
    let text = std::fs::read_to_string(folder.join("operations.graphql")).unwrap();
    Some(split(&text))
}

/// An operation begins in the first column and ends with the first brace in the first column.
fn split(text: &str) -> BTreeMap<String, String> {
    let mut operations = BTreeMap::new();
    let mut current: Option<(String, String)> = None;
    for line in text.lines() {
        if let Some(rest) = ["query ", "mutation ", "subscription "]
            .iter()
            .find_map(|kind| line.strip_prefix(kind))
        {
            let name = rest
                .split(|letter: char| !letter.is_alphanumeric())
                .next()
                .unwrap_or_default();
            current = Some((name.to_owned(), String::new()));
        }
        if let Some((_, document)) = &mut current {
            document.push_str(line);
            document.push('\n');
        }
        if line.starts_with('}')
            && let Some((name, document)) = current.take()
        {
            operations.insert(name, document);
        }
    }
    operations
}

#[cfg(test)]
mod tests {
    #[test]
    fn operations_are_found_by_name() {
        let found = super::split("# x\nquery A($a: ID!) {\n  b { c }\n}\n\nmutation B {\n  d\n}\n");
        assert_eq!(found["A"], "query A($a: ID!) {\n  b { c }\n}\n");
        assert_eq!(found["B"], "mutation B {\n  d\n}\n");
        assert_eq!(found.len(), 2);
    }
}
