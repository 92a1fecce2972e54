//! Whether the modules of a program can ever open, given which of them must be completed before which.

use std::collections::{BTreeMap, BTreeSet};

use crate::{error::UserError, input::Complaints, program_file::ModuleFile};

/// Complains of prerequisites that are not there, stand twice, wait for themselves, or belong to a module that nothing opens.
pub(super) fn check(complaints: &mut Complaints, modules: &[ModuleFile]) {
    let by_key: BTreeMap<&str, &ModuleFile> = modules.iter().map(|module| (module.key.as_str(), module)).collect();
    for (index, module) in modules.iter().enumerate() {
        let path = format!("modules.{index}.prerequisites");
        if module.opens == "LOCKED" && !module.prerequisites.is_empty() {
            let message = "A locked module opens when staff or a rule open it, whatever is completed: write START to have it \
                           open once these are.";
            complaints.add(UserError::new("CONTRADICTION", &path, message));
        }
        let mut seen = BTreeSet::new();
        for (place, key) in module.prerequisites.iter().enumerate() {
            let path = format!("{path}.{place}");
            if !seen.insert(key) {
                let message = format!("“{key}” stands here twice: once is enough.");
                complaints.add(UserError::new("NOT_UNIQUE", &path, message));
            } else if *key == module.key {
                let message = "A module cannot wait for itself: leave this out.";
                complaints.add(UserError::new("CYCLE", &path, message));
            } else if !by_key.contains_key(key.as_str()) {
                let message = format!("There is no module “{key}” to be completed before.");
                complaints.add(UserError::new("NO_SUCH_MODULE", &path, message));
            } else if waits_for(&by_key, key, &module.key) {
                let message =
                    format!("“{key}” waits for this module, too, so that neither could open: leave one of them out.");
                complaints.add(UserError::new("CYCLE", &path, message));
            }
        }
    }
}

/// Whether a module must wait for another one, directly or for one that does.
fn waits_for(by_key: &BTreeMap<&str, &ModuleFile>, module: &str, other: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut left = vec![module];
    while let Some(key) = left.pop() {
        let Some(module) = by_key.get(key).filter(|_| seen.insert(key)) else {
            continue;
        };
        if module.prerequisites.iter().any(|before| before == other) {
            return true;
        }
        left.extend(module.prerequisites.iter().map(String::as_str));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn told(modules: &[(&str, &str, &[&str])]) -> Vec<String> {
        let modules: Vec<ModuleFile> = modules
            .iter()
            .map(|(key, opens, prerequisites)| ModuleFile {
                key: (*key).to_owned(),
                title: Default::default(),
                opens: (*opens).to_owned(),
                prerequisites: prerequisites.iter().map(|key| (*key).to_owned()).collect(),
                sections: Vec::new(),
            })
            .collect();
        let mut complaints = Complaints::default();
        check(&mut complaints, &modules);
        match complaints.refuse() {
            Ok(()) => Vec::new(),
            Err(Error::Refused(errors)) => {
                let told = errors
                    .iter()
                    .map(|error| format!("{} {}", error.code, error.path.join(".")));
                told.collect()
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn modules_wait_for_others_that_can_be_completed() {
        let none: &[&str] = &[];
        assert!(told(&[("a", "START", none), ("b", "P7D", &["a"]), ("c", "START", &["a", "b"])]).is_empty());
        // Whichever stands first.
        assert!(told(&[("a", "START", &["b"]), ("b", "START", none)]).is_empty());
        assert_eq!(
            told(&[("a", "START", &["x", "a"]), ("b", "LOCKED", &["a", "a"])]),
            [
                "NO_SUCH_MODULE modules.0.prerequisites.0",
                "CYCLE modules.0.prerequisites.1",
                "CONTRADICTION modules.1.prerequisites",
                "NOT_UNIQUE modules.1.prerequisites.1",
            ]
        );
    }

    #[test]
    fn no_module_waits_for_one_that_waits_for_it() {
        assert_eq!(
            told(&[
                ("a", "START", &["c"]),
                ("b", "START", &["a"]),
                ("c", "START", &["b"]),
                ("d", "START", &["a"])
            ]),
            [
                "CYCLE modules.0.prerequisites.0",
                "CYCLE modules.1.prerequisites.0",
                "CYCLE modules.2.prerequisites.0",
            ]
        );
    }
}
