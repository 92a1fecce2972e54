//! The words of a Questionnaire as plain texts in several languages.

use std::collections::HashSet;

use rules::text::Text;

use super::{extension::Extension, questionnaire::Element};

/// Tags that begin a new line.
const LINES: [&str; 17] = [
    "blockquote",
    "br",
    "dd",
    "div",
    "dt",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "p",
    "pre",
    "table",
    "tr",
];

/// Tags whose content is no text.
const PICTURES: [&str; 6] = ["audio", "iframe", "img", "object", "svg", "video"];

/// `value` in `locale`, and its `translation`s in theirs. A `rendering-xhtml` says the same text with more care and is
/// taken where it has words.
pub fn text(locale: &str, value: &str, element: Option<&Element>) -> Text {
    let extensions = element.map_or(&[][..], |element| &element.extension);
    let rendered = named(extensions, "rendering-xhtml")
        .and_then(Extension::text)
        .map(plain);
    let markdown = named(extensions, "rendering-markdown").and_then(Extension::text);
    let words = rendered
        .filter(|words| !words.is_empty())
        .or_else(|| Some(value.trim().to_owned()).filter(|words| !words.is_empty()))
        .or_else(|| markdown.map(|words| words.trim().to_owned()));
    let mut text = Text::default();
    text.0.extend(words.map(|words| (locale.to_owned(), printable(&words))));
    for translation in extensions
        .iter()
        .filter(|extension| extension.name() == Some("translation"))
    {
        if let (Some(language), Some(content)) = (translation.part("lang"), translation.part("content")) {
            text.0.insert(language.to_owned(), printable(content.trim()));
        }
    }
    text
}

/// What plain text cannot say of an element: a picture, or words that are computed.
pub fn losses(element: Option<&Element>) -> Vec<String> {
    let extensions = element.map_or(&[][..], |element| &element.extension);
    let mut losses = Vec::new();
    let html = named(extensions, "rendering-xhtml")
        .and_then(Extension::text)
        .unwrap_or_default()
        .to_lowercase();
    if PICTURES.iter().any(|tag| html.contains(&format!("<{tag}"))) {
        losses.push("its picture, sound or film is left out; only its words are shown".to_owned());
    }
    for name in ["cqf-calculatedValue", "cqf-expression"] {
        if let Some(expression) = named(extensions, name) {
            losses.push(format!(
                "its wording is computed by {}: shown as it is written",
                expression.expression()
            ));
        }
    }
    losses
}

fn named<'a>(extensions: &'a [Extension], name: &str) -> Option<&'a Extension> {
    extensions.iter().find(|extension| extension.name() == Some(name))
}

/// Without the control characters that a database may refuse.
fn printable(words: &str) -> String {
    words
        .chars()
        .filter(|letter| matches!(letter, '\n' | '\t') || !letter.is_control())
        .collect()
}

/// The words of XHTML, a paragraph a line.
fn plain(html: &str) -> String {
    let html = html.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean = ammonia::Builder::empty()
        .tags(HashSet::from(LINES))
        .generic_attributes(HashSet::new())
        .tag_attributes([].into())
        .clean_content_tags(["script", "style"].into_iter().chain(PICTURES).collect())
        .clean(&html)
        .to_string();
    // What is left is escaped text between tags without attributes.
    let mut words = String::new();
    for (index, piece) in clean.split('<').enumerate() {
        let piece = if index == 0 {
            piece
        } else {
            piece.split_once('>').map_or("", |(_, text)| text)
        };
        if index > 0 {
            words.push('\n');
        }
        words.push_str(piece);
    }
    let words = words
        .replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let lines = words
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xhtml_becomes_lines_of_plain_text() {
        let html = "<div style='font-size:1.3em'>\n  <b>Sleep</b> &amp; rest: a &lt; b.</br></br>Answer <i>every</i>\n  line.\
                    <script>alert(1)</script><svg><text>figure</text></svg></div><p>Last&#160;words</p>";
        assert_eq!(plain(html), "Sleep & rest: a < b.\nAnswer every line.\nLast words");
    }

    #[test]
    fn the_rendering_wins_over_a_placeholder_but_not_when_it_is_empty() {
        let element = |html: &str| -> Element {
            serde_json::from_value(serde_json::json!({ "extension": [
                { "url": "http://hl7.org/fhir/StructureDefinition/rendering-xhtml", "valueString": html },
                { "url": "http://hl7.org/fhir/StructureDefinition/translation", "extension": [
                    { "url": "lang", "valueCode": "sv" }, { "url": "content", "valueString": "Hej" } ] },
            ]}))
            .unwrap()
        };
        let text_of = |html| text("en", "Placeholder", Some(&element(html)));
        assert_eq!(text_of("<p>Hello</p>").get("en"), "Hello");
        assert_eq!(text_of("<p>Hello</p>").get("sv"), "Hej");
        assert_eq!(text_of("<img src='x.png'>").get("en"), "Placeholder");
        assert_eq!(losses(Some(&element("<IMG src='x.png'>"))).len(), 1);
        assert!(losses(Some(&element("<p>Hello</p>"))).is_empty());
    }
}
