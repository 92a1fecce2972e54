//! What people write into fields, checked and brought into one form: names, addresses, languages, zones.
//!
//! Each check takes the path of its field and gives the tidied value, or what is wrong with it.

use std::str::FromStr;

use chrono::{DateTime, Duration, SubsecRound, Utc};
use chrono_tz::Tz;
use email_address::EmailAddress;
use rules::{period::LocalTime, validate::Problem};

use crate::error::{Error, Result, UserError};

type Checked<T> = std::result::Result<T, UserError>;

/// The longest name, in characters.
const NAME: usize = 200;
/// The longest free text, in characters.
const TEXT: usize = 10_000;
/// How far ahead an instant may lie: ten years. A year of five digits sorts wrongly where instants are kept as text.
const FURTHEST: Duration = Duration::days(3_653);
/// The longest e-mail address, in bytes (RFC 5321 § 4.5.3.1.3, without the brackets).
const EMAIL: usize = 254;

/// A name or a title: one line of at most 200 characters. A line break in a name could forge the header of a mail.
///
/// # Errors
/// `REQUIRED`, `TOO_LONG` or `BAD_CHARACTER`.
pub fn name(text: &str, path: &str) -> Checked<String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(UserError::new("REQUIRED", path, "This must be filled in."));
    }
    if text.chars().count() > NAME {
        return Err(UserError::new(
            "TOO_LONG",
            path,
            format!("At most {NAME} characters, please."),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(UserError::new(
            "BAD_CHARACTER",
            path,
            "This must be one line without control characters.",
        ));
    }
    Ok(text.to_owned())
}

/// A free text that may be left out: at most 10,000 characters; blank is none.
///
/// # Errors
/// `TOO_LONG` or `BAD_CHARACTER`.
pub fn note(text: Option<&str>, path: &str) -> Checked<Option<String>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.chars().count() > TEXT {
        return Err(UserError::new(
            "TOO_LONG",
            path,
            format!("At most {TEXT} characters, please."),
        ));
    }
    if text.contains('\0') {
        return Err(UserError::new(
            "BAD_CHARACTER",
            path,
            "This text holds a character that cannot be kept.",
        ));
    }
    Ok(Some(text.to_owned()))
}

/// Why somebody does something: a free text that must be there.
///
/// # Errors
/// `REQUIRED`, or as [`note`].
pub fn reason(text: &str, path: &str) -> Checked<String> {
    note(Some(text), path)?.ok_or_else(|| UserError::new("REQUIRED", path, "Say why: others will read it."))
}

/// A message: plain text of at most 10,000 characters. Line ends become `\n`, and control characters that say nothing to
/// people are taken away.
///
/// # Errors
/// `REQUIRED` or `TOO_LONG`.
pub fn plain_text(text: &str, path: &str) -> Checked<String> {
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    let says = |sign: &char| !sign.is_control() || matches!(sign, '\n' | '\t');
    let plain: String = lines.chars().filter(says).collect();
    let text = note(Some(&plain), path)?;
    text.ok_or_else(|| UserError::new("REQUIRED", path, "This must be filled in."))
}

/// What a file is called: at most 200 characters, without a path. Signs that cannot be seen could make it look like another.
///
/// # Errors
/// `BAD_FILE_NAME`.
pub fn file_name(text: &str, path: &str) -> Checked<String> {
    let text = text.trim();
    let refuse = |message: String| Err(UserError::new("BAD_FILE_NAME", path, message));
    let letters: Vec<char> = text.chars().take(2).collect();
    let drive = matches!(letters.as_slice(), [drive, ':'] if drive.is_ascii_alphabetic());
    if drive || text.contains(['/', '\\']) || text.trim_matches('.').is_empty() {
        return refuse("Send the name of the file alone, without the folders that it is in.".to_owned());
    }
    if text.chars().count() > NAME {
        return refuse(format!(
            "At most {NAME} characters, please: give the file a shorter name."
        ));
    }
    // U+200B to U+200F, U+202A to U+202E and U+2060 to U+2069 are not seen, or turn the direction of what follows.
    let unseen = |sign: char| {
        sign.is_control()
            || matches!(sign, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    if text.contains(unseen) {
        return refuse("The name holds signs that cannot be seen: give the file another name.".to_owned());
    }
    Ok(text.to_owned())
}

/// An e-mail address that may be left out; blank is none.
///
/// # Errors
/// `BAD_EMAIL`.
pub fn email(text: Option<&str>, path: &str) -> Checked<Option<String>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    // `EmailAddress` also takes "Anna <anna@example.org>"; only the bare address is wanted.
    match EmailAddress::from_str(text) {
        Ok(address) if text.len() <= EMAIL && address.email() == text && address.domain().contains('.') => {
            Ok(Some(text.to_owned()))
        }
        _ => Err(UserError::new(
            "BAD_EMAIL",
            path,
            "This is not an e-mail address: write it as name@example.org.",
        )),
    }
}

/// A phone number that may be left out, as `+` and 7 to 15 digits (ITU-T E.164). Spaces, hyphens and brackets are taken away;
/// `00` stands for `+`, and a single leading zero for Sweden, `+46`.
///
/// # Errors
/// `BAD_PHONE`.
pub fn phone(text: Option<&str>, path: &str) -> Checked<Option<String>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    // "+46 (0)8 …" is how Swedes write a number for both home and abroad.
    let compact: String = text
        .replace("(0)", "")
        .chars()
        .filter(|sign| !matches!(sign, ' ' | '-' | '–' | '(' | ')' | '/' | '.' | '\u{a0}'))
        .collect();
    let number = if let Some(rest) = compact.strip_prefix("00") {
        format!("+{rest}")
    } else if let Some(rest) = compact.strip_prefix('0') {
        format!("+46{rest}")
    } else {
        compact
    };
    let digits = number.strip_prefix('+').unwrap_or_default();
    let right = digits.bytes().all(|digit| digit.is_ascii_digit());
    if right && (7..=15).contains(&digits.len()) && !digits.starts_with('0') {
        return Ok(Some(number));
    }
    Err(UserError::new(
        "BAD_PHONE",
        path,
        "This is not a phone number: write it as 070-123 45 67 or with the country, +46 70 123 45 67.",
    ))
}

/// A language as a BCP 47 tag: `sv`, `en`, `sv-FI`.
///
/// # Errors
/// `BAD_LOCALE`.
pub fn locale(text: &str, path: &str) -> Checked<String> {
    let text = text.trim();
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let right = matches!(language.len(), 2 | 3)
        && language.bytes().all(|letter| letter.is_ascii_lowercase())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|sign| sign.is_ascii_alphanumeric()))
        && text.len() <= 35;
    if right {
        return Ok(text.to_owned());
    }
    Err(UserError::new(
        "BAD_LOCALE",
        path,
        "This is not a language tag: write for example sv, en or sv-FI.",
    ))
}

/// An IANA time zone.
///
/// # Errors
/// `BAD_TIME_ZONE`.
pub fn zone(text: &str, path: &str) -> Checked<Tz> {
    text.trim().parse().map_err(|_| {
        UserError::new(
            "BAD_TIME_ZONE",
            path,
            "This is not an IANA time zone: write for example Europe/Stockholm.",
        )
    })
}

/// An instant that somebody names: to the microsecond, as it is kept, and at most ten years ahead of `now`.
///
/// # Errors
/// `TOO_FAR_AHEAD`.
pub fn instant(at: DateTime<Utc>, now: DateTime<Utc>, path: &str) -> Checked<DateTime<Utc>> {
    if at > now + FURTHEST {
        let message = "This is more than ten years ahead: choose an earlier time.";
        return Err(UserError::new("TOO_FAR_AHEAD", path, message));
    }
    Ok(at.trunc_subsecs(6))
}

/// A local time of day that may be left out, `HH:MM`.
///
/// # Errors
/// `BAD_TIME`.
pub fn time_of_day(text: Option<&str>, path: &str) -> Checked<Option<String>> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let time: LocalTime = text
        .parse()
        .map_err(|_| UserError::new("BAD_TIME", path, "This is not a time of day: write for example 21:30."))?;
    Ok(Some(time.0.format("%H:%M").to_string()))
}

/// A key that rules and addresses name something by: small letters, digits and hyphens, at most 100, starting with a letter
/// or a digit.
///
/// # Errors
/// `BAD_KEY`.
pub fn key(text: &str, path: &str) -> Checked<String> {
    let right = (1..=100).contains(&text.len())
        && text
            .bytes()
            .all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == b'-')
        && !text.starts_with('-');
    if right {
        return Ok(text.to_owned());
    }
    Err(UserError::new(
        "BAD_KEY",
        path,
        "A key consists of small letters a–z, digits and hyphens, for example weekly-measure.",
    ))
}

/// What `rules` found wrong, below a path.
pub fn problems(problems: Vec<Problem>, path: &str) -> Vec<UserError> {
    problems
        .into_iter()
        .map(|problem| {
            let mut error = UserError::new(problem.code, path, problem.message);
            error.path.extend(problem.path);
            error
        })
        .collect()
}

/// Collects what is wrong with several fields, so that a person learns of everything at once.
#[derive(Debug, Default)]
pub struct Complaints(Vec<UserError>);

impl Complaints {
    /// The value, or where it was refused its default; [`Complaints::refuse`] stops before that is used.
    pub fn take<T: Default>(&mut self, checked: Checked<T>) -> T {
        checked.unwrap_or_else(|error| {
            self.0.push(error);
            T::default()
        })
    }

    /// Adds one.
    pub fn add(&mut self, error: UserError) {
        self.0.push(error);
    }

    /// Adds several.
    pub fn extend(&mut self, errors: impl IntoIterator<Item = UserError>) {
        self.0.extend(errors);
    }

    /// Adds what something was refused for.
    ///
    /// # Errors
    /// What is no refusal.
    pub fn note<T>(&mut self, done: Result<T>) -> Result<()> {
        match done {
            Ok(_) => Ok(()),
            Err(Error::Refused(errors)) => {
                self.0.extend(errors);
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// Refuses where there are any.
    ///
    /// # Errors
    /// All of them.
    pub fn refuse(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Refused(self.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(name("  Åsa Öberg ", "name").unwrap(), "Åsa Öberg");
        assert_eq!(name("Åsa\r\nBcc: all", "name").unwrap_err().code, "BAD_CHARACTER");
        assert_eq!(name(" ", "name").unwrap_err().code, "REQUIRED");
        assert_eq!(
            name(&"å".repeat(201), "citizen.name").unwrap_err().path,
            ["citizen", "name"]
        );
        assert!(name(&"å".repeat(200), "name").is_ok());
    }

    #[test]
    fn a_message_is_plain_text() {
        let text = |text: &str| plain_text(text, "body");
        assert_eq!(
            text(" Hej!\r\nHur\0 mår\u{b} du?\t\u{1b}[1m ").unwrap(),
            "Hej!\nHur mår du?\t[1m"
        );
        assert_eq!(text(" \u{7} \n").unwrap_err().code, "REQUIRED");
        assert!(text(&"å".repeat(10_000)).is_ok());
        assert_eq!(text(&"å".repeat(10_001)).unwrap_err().code, "TOO_LONG");
    }

    #[test]
    fn a_file_name_is_no_path() {
        assert_eq!(file_name(" Röntgen 12:30.png ", "name").unwrap(), "Röntgen 12:30.png");
        for text in [
            "",
            ".",
            "..",
            "../a.png",
            "/etc/passwd",
            "..\\a.png",
            "C:a.png",
            "a\0.png",
            "a\r\nX: y.png",
            "gnp\u{202e}exe.png",
            &"å".repeat(201),
        ] {
            assert_eq!(file_name(text, "name").unwrap_err().code, "BAD_FILE_NAME", "{text:?}");
        }
    }

    #[test]
    fn an_address_is_bare() {
        assert_eq!(
            email(Some(" anna@example.org "), "email").unwrap().as_deref(),
            Some("anna@example.org")
        );
        assert_eq!(email(Some(" "), "email").unwrap(), None);
        for text in [
            "anna",
            "anna@",
            "a.b@localhost",
            "Anna <anna@example.org>",
            "anna@example.org\r\nBcc: b@example.org",
            "a b@example.org",
        ] {
            assert_eq!(email(Some(text), "email").unwrap_err().code, "BAD_EMAIL", "{text}");
        }
    }

    #[test]
    fn a_phone_number_has_one_form() {
        for text in [
            "070-174 06 05",
            "+46 70 174 06 05",
            "0046701740605",
            "+46 (0)70-174 06 05",
        ] {
            assert_eq!(
                phone(Some(text), "phone").unwrap().as_deref(),
                Some("+46701740605"),
                "{text}"
            );
        }
        for text in [
            "701740605",
            "070 ring mig",
            "+46",
            "+0701740605",
            "+4670174060512345678",
        ] {
            assert_eq!(phone(Some(text), "phone").unwrap_err().code, "BAD_PHONE", "{text}");
        }
    }

    #[test]
    fn an_instant_is_kept_as_it_is_named_and_not_too_far_ahead() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = at("2026-11-23T10:00:00Z");
        assert_eq!(
            instant(at("2027-01-01T08:00:00.123456789Z"), now, "at").unwrap(),
            at("2027-01-01T08:00:00.123456Z")
        );
        assert!(instant(at("2036-11-23T10:00:00Z"), now, "at").is_ok());
        for far in [at("2036-11-24T10:00:00.000001Z"), DateTime::<Utc>::MAX_UTC] {
            let refused = instant(far, now, "at").unwrap_err();
            assert_eq!(refused.code, "TOO_FAR_AHEAD");
            assert_eq!(refused.path, ["at"]);
        }
    }

    #[test]
    fn languages_zones_times_and_keys() {
        assert!(
            locale("sv-FI", "locale").is_ok() && locale("Svenska", "locale").is_err() && locale("", "locale").is_err()
        );
        assert!(zone("Europe/Stockholm", "zone").is_ok() && zone("Stockholm", "zone").is_err());
        assert_eq!(
            time_of_day(Some("21:30"), "quietFrom").unwrap().as_deref(),
            Some("21:30")
        );
        assert!(time_of_day(Some("25:00"), "quietFrom").is_err());
        assert!(
            key("weekly-measure", "key").is_ok() && key("Weekly measure", "key").is_err() && key("-a", "key").is_err()
        );
    }
}
