//! E-mail as it arrived: files in a folder, from the development's channel or from the SMTP sink.

use std::path::Path;

use mailparse::MailHeaderMap;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Whom it is for.
    pub to: String,
    /// Who it is from.
    pub from: String,
    /// What it is about.
    pub subject: String,
    /// Its `Message-ID`.
    pub id: String,
    /// The plain text.
    pub text: String,
    /// Everything, decoded.
    pub whole: String,
}

/// The messages in a folder, in the order of their file names; none where there is no folder.
///
/// # Panics
/// When a file is no message.
pub fn in_folder(folder: &Path) -> Vec<Mail> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| {
        file.extension().is_some_and(|kind| kind == "eml")
            && !file.file_name().unwrap().to_string_lossy().starts_with('.')
    });
    files.sort();
    files.iter().map(|file| read(&std::fs::read(file).unwrap())).collect()
}

fn read(bytes: &[u8]) -> Mail {
    let parsed = mailparse::parse_mail(bytes).unwrap();
    let header = |name: &str| parsed.headers.get_first_value(name).unwrap_or_default();
    let mut parts = vec![&parsed];
    let (mut text, mut whole) = (String::new(), String::new());
    while let Some(part) = parts.pop() {
        parts.extend(part.subparts.iter());
        if part.subparts.is_empty() {
            let body = part.get_body().unwrap();
            if part.ctype.mimetype == "text/plain" {
                text.push_str(&body);
            }
            whole.push_str(&body);
        }
    }
    for header in &parsed.headers {
        whole.push_str(&format!("{}: {}\n", header.get_key(), header.get_value()));
    }
    Mail {
        to: header("To"),
        from: header("From"),
        subject: header("Subject"),
        id: header("Message-ID"),
        text: text.replace("\r\n", "\n"),
        whole,
    }
}
