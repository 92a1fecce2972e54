//! The rows of a version's content.

use rules::text::Text;
use sea_orm::ActiveValue::Set;
use uuid::Uuid;

use super::written;
use crate::{
    act::Act,
    block::{self, BlockKind},
    content_text,
    error::Result,
    module,
    program_file::{BlockFile, ProgramFile},
    section, step,
};

/// The rows of a version, collected.
pub(super) struct Rows<'a> {
    act: &'a Act,
    version: Uuid,
    pub(super) modules: Vec<module::ActiveModel>,
    pub(super) sections: Vec<section::ActiveModel>,
    pub(super) steps: Vec<step::ActiveModel>,
    pub(super) blocks: Vec<block::ActiveModel>,
    pub(super) texts: Vec<content_text::ActiveModel>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(act: &'a Act, version: Uuid) -> Self {
        Self {
            act,
            version,
            modules: Vec::new(),
            sections: Vec::new(),
            steps: Vec::new(),
            blocks: Vec::new(),
            texts: Vec::new(),
        }
    }

    pub(super) fn text(&mut self, subject: Uuid, field: &str, text: &Text) {
        self.texts
            .extend(text.0.iter().map(|(locale, text)| content_text::ActiveModel {
                version_id: Set(self.version),
                subject_id: Set(subject),
                field: Set(field.to_owned()),
                locale: Set(locale.clone()),
                text: Set(text.clone()),
            }));
    }

    pub(super) fn modules(&mut self, file: &ProgramFile) -> Result<()> {
        for (position, module) in (0..).zip(&file.modules) {
            let module_id = self.act.id();
            self.text(module_id, "title", &module.title);
            self.modules.push(module::ActiveModel {
                id: Set(module_id),
                version_id: Set(self.version),
                key: Set(module.key.clone()),
                position: Set(position),
                opens: Set(module.opens.clone()),
                prerequisites: Set(written(&module.prerequisites)?),
            });
            for (position, section) in (0..).zip(&module.sections) {
                let section_id = self.act.id();
                self.text(section_id, "title", &section.title);
                self.sections.push(section::ActiveModel {
                    id: Set(section_id),
                    version_id: Set(self.version),
                    module_id: Set(module_id),
                    key: Set(section.key.clone()),
                    position: Set(position),
                });
                for (position, step) in (0..).zip(&section.steps) {
                    let step_id = self.act.id();
                    self.text(step_id, "title", &step.title);
                    self.steps.push(step::ActiveModel {
                        id: Set(step_id),
                        version_id: Set(self.version),
                        section_id: Set(section_id),
                        key: Set(step.key.clone()),
                        position: Set(position),
                        estimated_minutes: Set(step.minutes.map(i32::from)),
                    });
                    for (position, block) in (0..).zip(&step.blocks) {
                        self.block(step_id, position, block);
                    }
                }
            }
        }
        Ok(())
    }

    fn block(&mut self, step: Uuid, position: i32, block: &BlockFile) {
        let id = self.act.id();
        let seconds = |seconds: &Option<u32>| seconds.and_then(|seconds| i32::try_from(seconds).ok());
        let (kind, form_key, url, duration_seconds) = match block {
            BlockFile::Text(html) => {
                let clean = html
                    .0
                    .iter()
                    .map(|(locale, html)| (locale.clone(), sanitised(html)))
                    .collect();
                self.text(id, "html", &Text(clean));
                (BlockKind::Text, None, None, None)
            }
            BlockFile::Image { url, alt } => {
                self.text(id, "altText", alt);
                (BlockKind::Image, None, Some(url), None)
            }
            BlockFile::Video {
                url,
                seconds: length,
                captions,
            } => {
                self.text(id, "captionsUrl", captions);
                (BlockKind::Video, None, Some(url), seconds(length))
            }
            BlockFile::Audio {
                url,
                seconds: length,
                transcript,
            } => {
                self.text(id, "transcript", transcript);
                (BlockKind::Audio, None, Some(url), seconds(length))
            }
            BlockFile::File { url, title } => {
                self.text(id, "title", title);
                (BlockKind::File, None, Some(url), None)
            }
            BlockFile::Form(key) => (BlockKind::Form, Some(key), None, None),
            BlockFile::Exercise(key) => (BlockKind::Exercise, Some(key), None, None),
        };
        self.blocks.push(block::ActiveModel {
            id: Set(id),
            version_id: Set(self.version),
            step_id: Set(step),
            position: Set(position),
            kind: Set(kind.into()),
            form_key: Set(form_key.cloned()),
            url: Set(url.cloned()),
            duration_seconds: Set(duration_seconds),
        });
    }
}

/// Formatted text without scripts, styles, forms and pictures: a picture of another server would tell it who reads what.
/// Pictures are blocks of their own.
fn sanitised(html: &str) -> String {
    ammonia::Builder::default()
        .rm_tags(["img"])
        .url_schemes(["https", "mailto", "tel"].into())
        .clean(html)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rich_text_loses_what_could_harm() {
        let clean = sanitised(
            "<p onclick=\"x()\">Hej <strong>du</strong><script>x()</script><img src=\"https://e.example/i.png\">\
             <a href=\"javascript:x()\">a</a> <a href=\"https://1177.se\">b</a></p><blockquote>c</blockquote>",
        );
        assert!(clean.starts_with("<p>Hej <strong>du</strong>"), "{clean}");
        assert!(
            clean.contains("href=\"https://1177.se\"") && clean.contains("<blockquote>c</blockquote>"),
            "{clean}"
        );
        for gone in ["script", "onclick", "img"] {
            assert!(!clean.contains(gone), "{gone} in {clean}");
        }
    }
}
