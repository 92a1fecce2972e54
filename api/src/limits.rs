//! How much one GraphQL document may ask for, checked before anything walks it.
//!
//! Fragments that spread fragments describe exponentially many fields in few bytes, and validation visits each of them. So a
//! document is measured first: its tokens and brackets while it is still text, then its expanded selections by adding up
//! what each fragment holds, without expanding any.

use std::{collections::HashMap, sync::Arc};

use async_graphql::{
    Name, Positioned, ServerError, ValidationResult, Value,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation},
    parser::{
        parse_query,
        types::{ExecutableDocument, FragmentDefinition, Selection, SelectionSet},
    },
};
use async_trait::async_trait;

/// The code of a refusal by a limit.
pub const LIMIT_EXCEEDED: &str = "LIMIT_EXCEEDED";
/// The code of a document that is not GraphQL.
pub const PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
/// The code of a document that does not fit the schema or the rules of GraphQL.
pub const VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";

/// The most that one document may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Names, numbers, strings and punctuation.
    pub tokens: u64,
    /// Brackets of any kind within one another.
    pub brackets: u64,
    /// Fragment definitions.
    pub fragments: u64,
    /// Fields, spreads and inline fragments after every fragment is put in its place.
    pub selections: u64,
    /// Fields within fields.
    pub depth: u64,
    /// Fields under another name.
    pub aliases: u64,
    /// Fields of an operation itself.
    pub root_fields: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tokens: 5_000,
            brackets: 64,
            fragments: 100,
            selections: 2_000,
            depth: 20,
            aliases: 100,
            root_fields: 20,
        }
    }
}

/// Reads a document that is within the limits.
///
/// # Errors
/// When a limit is exceeded, by how much; when it is not GraphQL; when a fragment contains itself or is not there.
pub fn parse(query: &str, limits: &Limits) -> Result<ExecutableDocument, Box<ServerError>> {
    let text = scan(query);
    within("tokens", text.tokens, limits.tokens)?;
    within("brackets within one another", text.brackets, limits.brackets)?;
    let document = parse_query(query).map_err(|error| coded(error.into(), PARSE_FAILED))?;
    within("fragments", count(document.fragments.len()), limits.fragments)?;

    let mut measured = HashMap::new();
    let mut total = Measure::default();
    for (_, operation) in document.operations.iter() {
        let measure = measure(&operation.node.selection_set.node, &document.fragments, &mut measured)?;
        within("fields of one operation", measure.root_fields, limits.root_fields)?;
        total = total.beside(measure);
    }
    within("levels", total.depth, limits.depth)?;
    within("aliases", total.aliases, limits.aliases)?;
    within("selections", total.selections, limits.selections)?;
    // Validation walks those fragments as well that nothing spreads.
    for fragment in document.fragments.values() {
        let measure = measure(&fragment.node.selection_set.node, &document.fragments, &mut measured)?;
        within("selections", measure.selections, limits.selections)?;
    }
    Ok(document)
}

/// An error with an `extensions.code`, which stays if it has one.
pub fn coded(mut error: ServerError, code: &str) -> Box<ServerError> {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        extensions.set("code", code);
    }
    Box::new(error)
}

/// Bounds the complexity of an operation as the schema counts it: every field once, those below a list once for each of its rows.
#[derive(Clone, Copy, Debug)]
pub struct Complexity(pub usize);

impl ExtensionFactory for Complexity {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(*self)
    }
}

#[async_trait]
impl Extension for Complexity {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let result = next.run(ctx).await?;
        within("complexity", count(result.complexity), count(self.0)).map_err(|error| vec![*error])?;
        Ok(result)
    }
}

fn within(what: &str, is: u64, most: u64) -> Result<(), Box<ServerError>> {
    if is <= most {
        return Ok(());
    }
    let message =
        format!("The request asks for too much: {what} {is}, at most {most}. Ask for less, or in several requests.");
    let mut error = coded(ServerError::new(message, None), LIMIT_EXCEEDED);
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("limit", Value::from(most));
    extensions.set("actual", Value::from(is));
    Err(error)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Text {
    tokens: u64,
    brackets: u64,
}

/// Counts tokens and the deepest brackets of a text that need not be GraphQL. Strings and comments are skipped as the
/// grammar does, so that a bracket in a string counts for nothing.
fn scan(query: &str) -> Text {
    let mut text = Text::default();
    let mut open = 0_u64;
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            '"' => {
                text.tokens += 1;
                string(rest)
            }
            '{' | '[' | '(' => {
                text.tokens += 1;
                open += 1;
                text.brackets = text.brackets.max(open);
                1
            }
            '}' | ']' | ')' => {
                text.tokens += 1;
                open = open.saturating_sub(1);
                1
            }
            first if first.is_alphanumeric() || first == '_' => {
                text.tokens += 1;
                let word = |letter: char| letter.is_alphanumeric() || letter == '_';
                rest.find(|letter| !word(letter)).unwrap_or(rest.len())
            }
            first => {
                if !first.is_whitespace() && first != ',' {
                    text.tokens += 1;
                }
                first.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    text
}

/// The length in bytes of the string or block string that a text begins with.
fn string(text: &str) -> usize {
    if let Some(block) = text.strip_prefix("\"\"\"") {
        let mut from = 0;
        while let Some(at) = block.get(from..).and_then(|rest| rest.find("\"\"\"")) {
            let end = from + at;
            if !block.get(..end).is_some_and(|before| before.ends_with('\\')) {
                return end + 6;
            }
            from = end + 3;
        }
        return text.len();
    }
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '\n' | '\r' => return at,
            '"' if !escaped => return at + 1,
            _ => escaped = letter == '\\' && !escaped,
        }
    }
    text.len()
}

/// What a selection set holds once every fragment is in its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measure {
    selections: u64,
    depth: u64,
    aliases: u64,
    pub(crate) root_fields: u64,
}

impl Measure {
    /// Both side by side.
    fn beside(self, other: Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            depth: self.depth.max(other.depth),
            aliases: self.aliases.saturating_add(other.aliases),
            root_fields: self.root_fields.saturating_add(other.root_fields),
        }
    }

    /// A fragment with this inside, put in its place.
    fn spread(self) -> Self {
        Self {
            selections: self.selections.saturating_add(1),
            ..self
        }
    }
}

pub(crate) type Fragments = HashMap<Name, Positioned<FragmentDefinition>>;

/// Measures a selection set; each fragment once. `None` marks a fragment that is being measured.
pub(crate) fn measure<'a>(
    set: &'a SelectionSet,
    fragments: &'a Fragments,
    measured: &mut HashMap<&'a str, Option<Measure>>,
) -> Result<Measure, Box<ServerError>> {
    let mut total = Measure::default();
    for selection in &set.items {
        total = total.beside(match &selection.node {
            Selection::Field(field) => {
                let inside = measure(&field.node.selection_set.node, fragments, measured)?;
                Measure {
                    selections: inside.selections.saturating_add(1),
                    depth: inside.depth.saturating_add(1),
                    aliases: inside.aliases.saturating_add(u64::from(field.node.alias.is_some())),
                    root_fields: 1,
                }
            }
            Selection::InlineFragment(inline) => {
                measure(&inline.node.selection_set.node, fragments, measured)?.spread()
            }
            Selection::FragmentSpread(spread) => {
                let refused = |message: String| coded(ServerError::new(message, Some(spread.pos)), VALIDATION_FAILED);
                let name = spread.node.fragment_name.node.as_str();
                let inside = match measured.get(name) {
                    Some(Some(known)) => *known,
                    Some(None) => return Err(refused(format!("The fragment \"{name}\" contains itself."))),
                    None => {
                        let fragment = fragments.get(name);
                        let fragment = fragment.ok_or_else(|| refused(format!("There is no fragment \"{name}\".")))?;
                        measured.insert(name, None);
                        let inside = measure(&fragment.node.selection_set.node, fragments, measured)?;
                        measured.insert(name, Some(inside));
                        inside
                    }
                };
                inside.spread()
            }
        });
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(query: &str) -> Option<String> {
        let error = parse(query, &Limits::default()).err()?;
        match error.extensions.as_ref()?.get("code")? {
            Value::String(code) => Some(code.clone()),
            _ => None,
        }
    }

    /// `{ a { ...f0 } } fragment f0 on T { ...f1 ...f1 } …`: twice as many fields with every fragment.
    fn doubling(fragments: usize) -> String {
        let mut query = String::from("{ a { ...f0 } }");
        for n in 0..fragments {
            query += &format!(" fragment f{n} on T {{ ...f{0} ...f{0} }}", n + 1);
        }
        query + &format!(" fragment f{fragments} on T {{ a }}")
    }

    #[test]
    fn exponential_fragments_are_refused_by_their_size() {
        assert_eq!(code(&doubling(5)), None);
        let error = parse(&doubling(60), &Limits::default()).unwrap_err();
        let extensions = error.extensions.unwrap();
        assert_eq!(extensions.get("code"), Some(&Value::from(LIMIT_EXCEEDED)));
        assert_eq!(extensions.get("actual"), Some(&Value::from(3_u64 << 60)));
        // Sixty-four doublings no longer fit into a number; the count stays at the largest.
        assert_eq!(code(&doubling(90)).as_deref(), Some(LIMIT_EXCEEDED));
    }

    #[test]
    fn spreads_count_even_where_they_hold_no_field() {
        let nowhere = |used: &str, last: &str| {
            let doubled = (0..40).map(|n| format!(" fragment f{n} on T {{ ...f{0} ...f{0} }}", n + 1));
            format!(
                "{{ {used} }}{} fragment f40 on T {{ {last} }}",
                doubled.collect::<String>()
            )
        };
        assert_eq!(code(&nowhere("...f0", "...nope")).as_deref(), Some(VALIDATION_FAILED));
        assert_eq!(code(&nowhere("...f0", "a")).as_deref(), Some(LIMIT_EXCEEDED));
        // Nothing spreads the first.
        assert_eq!(code(&nowhere("a", "...nope")).as_deref(), Some(VALIDATION_FAILED));
        assert_eq!(code(&nowhere("a", "a")).as_deref(), Some(LIMIT_EXCEEDED));
        let inline = "... on T { ".repeat(50) + "a" + &" }".repeat(50);
        let limits = Limits {
            selections: 50,
            ..Limits::default()
        };
        assert!(parse(&format!("{{ {inline} }}"), &limits).is_err());
    }

    #[test]
    fn fragments_that_contain_themselves_are_refused() {
        let itself = "{ ...a } fragment a on T { b { ...a } }";
        assert_eq!(code(itself).as_deref(), Some(VALIDATION_FAILED));
        let each_other = "{ ...a } fragment a on T { ...b } fragment b on T { c { ...a } }";
        assert_eq!(code(each_other).as_deref(), Some(VALIDATION_FAILED));
    }

    #[test]
    fn depth_counts_through_fragments() {
        let limits = Limits {
            depth: 3,
            ..Limits::default()
        };
        assert!(parse("{ a { ...f } } fragment f on T { b { c } }", &limits).is_ok());
        let error = parse("{ a { ...f } } fragment f on T { b { c { d } } }", &limits).unwrap_err();
        assert!(error.message.contains("levels 4, at most 3"), "{}", error.message);
    }

    #[test]
    fn aliases_root_fields_and_tokens_are_counted() {
        let aliases = (0..101).map(|n| format!("x{n}: a ")).collect::<String>();
        assert_eq!(
            code(&format!("{{ t {{ {aliases} }} }}")).as_deref(),
            Some(LIMIT_EXCEEDED)
        );
        let roots = "a ".repeat(21);
        assert_eq!(code(&format!("{{ {roots} }}")).as_deref(), Some(LIMIT_EXCEEDED));
        assert_eq!(
            code(&format!("{{ t {{ {} }} }}", "a ".repeat(5_000))).as_deref(),
            Some(LIMIT_EXCEEDED)
        );
    }

    #[test]
    fn deep_brackets_never_reach_the_parser() {
        for open in ["[", "{a", "(a:", "{a(b:["] {
            assert_eq!(
                code(&format!("{{ a(b: {}", open.repeat(2_000))).as_deref(),
                Some(LIMIT_EXCEEDED)
            );
        }
    }

    #[test]
    fn brackets_in_strings_and_comments_count_for_nothing() {
        let many = "{".repeat(100);
        let query = format!("{{ a(b: \"{many}\\\"{many}\", c: \"\"\"{many}\\\"\"\"{many}\"\"\") # {many}\n }}");
        let text = scan(&query);
        assert_eq!((text.brackets, text.tokens), (2, 11));
        assert_eq!(code(&query), None);
    }

    #[test]
    fn what_is_not_graphql_says_where() {
        let error = parse("{ a", &Limits::default()).unwrap_err();
        assert_eq!(error.extensions.unwrap().get("code"), Some(&Value::from(PARSE_FAILED)));
        assert!(!error.locations.is_empty());
    }
}
