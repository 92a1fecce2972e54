//! What is written to people. It leaves the house, so it says nothing: no program, no health data, no person's data. Only
//! that something waits, and where to sign in.

use minijinja::{Environment, UndefinedBehavior, context};

/// A message ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The subject, one line.
    pub subject: String,
    /// The text, plain.
    pub text: String,
}

/// The template of whatever has none of its own.
const GENERAL: &str = "general";

/// The language of whoever wants one that there is not.
const LANGUAGE: &str = "sv";

/// (key, language, first line the subject and the rest the text).
const TEMPLATES: &[(&str, &str, &str)] = &[
    ("come-back", "en", include_str!("../templates/come-back.en.txt")),
    ("come-back", "sv", include_str!("../templates/come-back.sv.txt")),
    ("form-waiting", "en", include_str!("../templates/form-waiting.en.txt")),
    ("form-waiting", "sv", include_str!("../templates/form-waiting.sv.txt")),
    (GENERAL, "en", include_str!("../templates/general.en.txt")),
    (GENERAL, "sv", include_str!("../templates/general.sv.txt")),
    (
        "message-waiting",
        "en",
        include_str!("../templates/message-waiting.en.txt"),
    ),
    (
        "message-waiting",
        "sv",
        include_str!("../templates/message-waiting.sv.txt"),
    ),
    ("new-content", "en", include_str!("../templates/new-content.en.txt")),
    ("new-content", "sv", include_str!("../templates/new-content.sv.txt")),
    (
        "program-ending",
        "en",
        include_str!("../templates/program-ending.en.txt"),
    ),
    (
        "program-ending",
        "sv",
        include_str!("../templates/program-ending.sv.txt"),
    ),
    (
        "staff-attention",
        "en",
        include_str!("../templates/staff-attention.en.txt"),
    ),
    (
        "staff-attention",
        "sv",
        include_str!("../templates/staff-attention.sv.txt"),
    ),
    (
        "staff-escalation",
        "en",
        include_str!("../templates/staff-escalation.en.txt"),
    ),
    (
        "staff-escalation",
        "sv",
        include_str!("../templates/staff-escalation.sv.txt"),
    ),
    (INVITATION, "en", include_str!("../templates/staff-invitation.en.txt")),
    (INVITATION, "sv", include_str!("../templates/staff-invitation.sv.txt")),
];

/// The template of the letter that invites staff, which no rule and nobody names.
pub(crate) const INVITATION: &str = "staff-invitation";

/// Writes the message of a template in the language of `locale` (a BCP 47 tag). A key that is not known gets the general
/// message, a language that is not, Swedish.
///
/// # Errors
/// When the template is broken, which a test rules out.
pub fn render(key: &str, locale: &str, sign_in: &str) -> Result<Rendered, minijinja::Error> {
    let is_known = TEMPLATES.iter().any(|(known, ..)| *known == key);
    let key = if is_known { key } else { GENERAL };
    let language = locale.split(['-', '_']).next().unwrap_or_default().to_lowercase();
    let source = find(key, &language).or_else(|| find(key, LANGUAGE)).unwrap_or_default();
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let text = environment.render_str(source, context! { sign_in })?;
    let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
    Ok(Rendered {
        subject: subject.trim().to_owned(),
        text: format!("{}\n", text.trim()),
    })
}

fn find(key: &str, language: &str) -> Option<&'static str> {
    let mut templates = TEMPLATES.iter();
    templates
        .find(|(known, written, _)| *known == key && *written == language)
        .map(|(.., source)| *source)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGN_IN: &str = "https://handrail.example";

    #[test]
    fn what_rules_may_name_is_what_there_is() {
        let keys = TEMPLATES.iter().map(|(key, ..)| *key);
        let mut keys: Vec<_> = keys.filter(|key| *key != INVITATION).collect();
        keys.dedup();
        assert_eq!(keys, entity::template::TEMPLATES.map(|template| template.key));
    }

    #[test]
    fn every_message_as_it_leaves() {
        let mut all = String::new();
        for (key, language, _) in TEMPLATES {
            let Rendered { subject, text } = render(key, language, SIGN_IN).unwrap();
            all += &format!("--- {key} {language}\n{subject}\n\n{text}");
        }
        insta::assert_snapshot!(all);
    }

    #[test]
    fn nothing_can_be_put_into_a_message_but_where_to_sign_in() {
        for (key, language, source) in TEMPLATES {
            let mut environment = Environment::new();
            environment.add_template("t", source).unwrap();
            let used = environment.get_template("t").unwrap().undeclared_variables(true);
            assert_eq!(used.into_iter().collect::<Vec<_>>(), ["sign_in"], "{key} {language}");
        }
    }

    #[test]
    fn no_message_names_an_illness_a_form_or_a_program() {
        let telling = [
            "depress",
            "ångest",
            "anxiety",
            "mood",
            "humör",
            "hjärt",
            "heart",
            "behandling",
            "treatment",
            "program",
            "svar",
            "answer",
            "score",
            "poäng",
            "diagnos",
            "symptom",
            "risk",
            "health",
            "hälsa",
            "vård",
            "care",
        ];
        for (key, language, _) in TEMPLATES {
            let Rendered { subject, text } = render(key, language, SIGN_IN).unwrap();
            let message = format!("{subject} {text}").to_lowercase();
            for word in telling {
                assert!(!message.contains(word), "{key} {language} says \"{word}\"");
            }
        }
    }

    #[test]
    fn every_key_is_written_in_both_languages() {
        for (key, ..) in TEMPLATES {
            assert_ne!(
                render(key, "sv", SIGN_IN).unwrap(),
                render(key, "en", SIGN_IN).unwrap(),
                "{key}"
            );
        }
    }

    #[test]
    fn unknown_keys_and_languages_fall_back() {
        let general = render("general", "sv", SIGN_IN).unwrap();
        assert_eq!(render("../etc/passwd", "sv-SE", SIGN_IN).unwrap(), general);
        assert_eq!(render("general", "fi", SIGN_IN).unwrap(), general);
        assert_eq!(
            render("general", "en_GB", SIGN_IN).unwrap(),
            render("general", "en", SIGN_IN).unwrap()
        );
    }
}
