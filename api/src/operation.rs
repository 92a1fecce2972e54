//! The operation that a request means, of those that its document holds.

use std::collections::{HashMap, HashSet};

use async_graphql::{
    Name, Positioned, ServerError,
    parser::types::{
        DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
    },
};

use crate::limits::{Fragments, VALIDATION_FAILED, coded, measure};

/// The named operation, or the only one.
///
/// # Errors
/// When there is none, or several and no name; when it is a subscription of several fields
/// (spec.graphql.org, 5.2.3.1 "Single Root Field").
pub fn meant<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, Box<ServerError>> {
    let mut operations = document.operations.iter();
    let found = match name {
        Some(name) => operations
            .find(|(key, _)| key.is_some_and(|key| key == name))
            .ok_or_else(|| format!("The document has no operation \"{name}\".")),
        None => match (operations.next(), operations.next()) {
            (Some(only), None) => Ok(only),
            _ => Err("The document has several operations: name the one to run in \"operationName\".".to_owned()),
        },
    };
    let refused = |message: String| coded(ServerError::new(message, None), VALIDATION_FAILED);
    let operation = &found.map_err(refused)?.1.node;
    if operation.ty == OperationType::Subscription {
        let measure = measure(&operation.selection_set.node, &document.fragments, &mut HashMap::new())?;
        if measure.root_fields != 1 {
            let message = "A subscription has one field: subscribe once for each.".to_owned();
            return Err(refused(message));
        }
    }
    Ok(operation)
}

/// Leaves the named operation alone, with the fragments that the others do not spread for themselves: async-graphql counts the
/// complexity of every operation together, and with the variables of the one that is run.
pub fn keep(document: &mut ExecutableDocument, name: Option<&str>) {
    let (DocumentOperations::Multiple(operations), Some(name)) = (&mut document.operations, name) else {
        return;
    };
    let spread = |of: &HashMap<Name, Positioned<OperationDefinition>>| {
        let mut names = HashSet::new();
        for operation in of.values() {
            spreads(&operation.node.selection_set.node, &document.fragments, &mut names);
        }
        names
    };
    let before = spread(operations);
    operations.retain(|key, _| key == name);
    let after = spread(operations);
    // One that nothing spreads stays, and is refused as ever.
    document
        .fragments
        .retain(|name, _| after.contains(name) || !before.contains(name));
}

/// Adds the fragments that a selection set spreads, and those that these do.
fn spreads(set: &SelectionSet, fragments: &Fragments, names: &mut HashSet<Name>) {
    for selection in &set.items {
        match &selection.node {
            Selection::Field(field) => spreads(&field.node.selection_set.node, fragments, names),
            Selection::InlineFragment(inline) => spreads(&inline.node.selection_set.node, fragments, names),
            Selection::FragmentSpread(spread) => {
                let name = &spread.node.fragment_name.node;
                if names.insert(name.clone())
                    && let Some(fragment) = fragments.get(name)
                {
                    spreads(&fragment.node.selection_set.node, fragments, names);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{Limits, parse};

    #[test]
    fn the_operation_is_the_named_or_the_only_one() {
        let two = parse("query A { a } mutation B { b }", &Limits::default()).unwrap();
        assert!(meant(&two, None).is_err());
        assert!(meant(&two, Some("C")).is_err());
        let found = meant(&two, Some("B")).unwrap();
        assert_eq!(found.ty, OperationType::Mutation);
    }

    #[test]
    fn only_the_named_operation_stays_with_its_fragments() {
        let query = "query A { ...f ...g } query B { ...g } fragment f on T { ...h } fragment g on T { a } \
                     fragment h on T { a } fragment unused on T { a }";
        let mut document = parse(query, &Limits::default()).unwrap();
        keep(&mut document, None);
        assert_eq!(document.operations.iter().count(), 2);
        keep(&mut document, Some("B"));
        assert_eq!(document.operations.iter().count(), 1);
        let mut left: Vec<&str> = document.fragments.keys().map(Name::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["g", "unused"], "what nothing spreads is still refused");
    }

    #[test]
    fn a_subscription_has_one_field() {
        for (query, is_one) in [
            ("subscription { a }", true),
            ("subscription { ...f } fragment f on S { a { b c } }", true),
            ("subscription { a b: a }", false),
            ("subscription { ...f ...f } fragment f on S { a }", false),
        ] {
            let document = parse(query, &Limits::default()).unwrap();
            assert_eq!(meant(&document, None).is_ok(), is_one, "{query}");
        }
    }
}
