//! Which files may be attached to messages, told by what is in them and never by what they are called.
//!
//! The list is short on purpose: what people photograph, scan and write down. Archives are not on it, and with them neither office
//! documents, which are archives: nothing is ever unpacked.

/// The type of a file that may be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// A PDF document.
    Pdf,
    /// A PNG image.
    Png,
    /// A JPEG image.
    Jpeg,
    /// A WebP image.
    Webp,
    /// Plain text in UTF-8.
    Text,
}

impl MediaType {
    /// What may be attached, for people.
    pub const NAMES: &str = "PDF, PNG, JPEG, WebP and plain text in UTF-8";

    /// The type of a file's content; none where it may not be attached.
    pub fn of(content: &[u8]) -> Option<Self> {
        match infer::get(content) {
            Some(kind) => match kind.mime_type() {
                "application/pdf" => Some(Self::Pdf),
                "image/png" => Some(Self::Png),
                "image/jpeg" => Some(Self::Jpeg),
                "image/webp" => Some(Self::Webp),
                _ => None,
            },
            None => is_plain_text(content).then_some(Self::Text),
        }
    }

    /// Its name as an Internet media type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Text => "text/plain; charset=utf-8",
        }
    }

    /// A file's name with an ending that says what it is, which systems go by when somebody opens it: `notes.bat` that is text
    /// becomes `notes.bat.txt`.
    pub fn named(self, name: &str) -> String {
        let endings: &[&str] = match self {
            Self::Pdf => &["pdf"],
            Self::Png => &["png"],
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Webp => &["webp"],
            Self::Text => &["txt"],
        };
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
        match (ending, endings) {
            (Some(ending), endings) if endings.contains(&ending.as_str()) => name.to_owned(),
            (_, [first, ..]) => format!("{name}.{first}"),
            (_, []) => name.to_owned(),
        }
    }
}

/// UTF-8 without the control characters that make something else of it; white space counts.
fn is_plain_text(content: &[u8]) -> bool {
    std::str::from_utf8(content).is_ok_and(|text| {
        !text.contains(|sign: char| sign.is_control() && !matches!(sign, '\n' | '\r' | '\t' | '\u{c}'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_is_in_it() {
        for (content, is) in [
            (&b"%PDF-1.7\n"[..], Some(MediaType::Pdf)),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some(MediaType::Png)),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some(MediaType::Jpeg)),
            (b"RIFF\x24\0\0\0WEBPVP8 ", Some(MediaType::Webp)),
            ("Jag sov bra.\nGod natt! 😴".as_bytes(), Some(MediaType::Text)),
            (b"\xef\xbb\xbfMed BOM", Some(MediaType::Text)),
            // Executables, scripts, archives, pages and pictures that can run, other encodings.
            (b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff", None),
            (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0", None),
            (b"#!/bin/sh\nrm -rf /\n", None),
            (b"PK\x03\x04\x14\0\0\0\x08\0", None),
            (b"\x1f\x8b\x08\0\0\0\0\0", None),
            (b"<!DOCTYPE html><script>alert(1)</script>", None),
            (
                b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
                None,
            ),
            (b"GIF89a\x01\0\x01\0", None),
            (b"Sm\xf6rg\xe5s", None),
            (b"a\0b", None),
        ] {
            assert_eq!(MediaType::of(content), is, "{:?}", String::from_utf8_lossy(content));
        }
    }

    #[test]
    fn a_name_ends_as_the_content_does() {
        assert_eq!(MediaType::Jpeg.named("Bild.JPEG"), "Bild.JPEG");
        assert_eq!(MediaType::Png.named("bild"), "bild.png");
        assert_eq!(MediaType::Text.named("notes.bat"), "notes.bat.txt");
        assert_eq!(MediaType::Png.named(".png"), ".png");
    }
}
