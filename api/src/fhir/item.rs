//! The items of a Questionnaire, one after another, as items of a form.

use std::collections::{BTreeMap, BTreeSet};

use rules::{
    answer::Answer,
    form::{EnableBehavior, EnableCondition, EnableWhen, Item, ItemKind, Operator},
    text::Text,
};
use serde_json::Value;

use super::{
    circle, condition,
    extension::Extension,
    key, kind, losses,
    note::{Note, NoteCode},
    option::Options,
    questionnaire, wording,
};

/// What became of an item of the Questionnaire.
#[derive(Debug)]
pub enum Source {
    /// It is part of the form.
    Kept {
        /// Its key there.
        key: String,
        /// What it asks for.
        kind: ItemKind,
        /// What can be chosen.
        options: Options,
    },
    /// It was left out, for this reason.
    LeftOut(NoteCode),
}

/// By `linkId`.
pub type Sources = BTreeMap<String, Source>;

/// Where in the tree an item stands.
#[derive(Clone, Default)]
pub struct Place<'a> {
    /// The key of the group around it.
    group: Option<String>,
    /// The questions above it within that group: an item below a question is shown only where the question is.
    above: Vec<&'a questionnaire::Item>,
    /// Whether something above it is never shown.
    pub hidden: bool,
    /// Whether the question right above it was left out.
    pub orphan: bool,
}

/// An item whose conditions are looked at once every item is known.
struct Conditional<'a> {
    /// Its index among the items of the form.
    index: usize,
    link: String,
    own: &'a questionnaire::Item,
    above: Vec<&'a questionnaire::Item>,
}

/// Collects the items of a form and the notes about them.
pub struct Importer<'a> {
    locale: &'a str,
    contained: &'a [Value],
    items: Vec<Item>,
    sources: Sources,
    keys: BTreeSet<String>,
    conditional: Vec<Conditional<'a>>,
    /// Every `linkId`, in the order of the Questionnaire.
    order: Vec<String>,
    notes: Vec<Note>,
}

impl<'a> Importer<'a> {
    /// An importer of texts in `locale` that looks up value sets in `contained`.
    pub fn new(locale: &'a str, contained: &'a [Value]) -> Self {
        Self {
            locale,
            contained,
            items: Vec::new(),
            sources: Sources::new(),
            keys: BTreeSet::new(),
            conditional: Vec::new(),
            order: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Takes in a whole Questionnaire.
    pub fn questionnaire(&mut self, source: &'a questionnaire::Questionnaire) {
        if source.copyright.as_ref().is_some_and(|terms| !terms.trim().is_empty()) {
            self.note(
                None,
                NoteCode::Terms,
                "it carries terms of use (its “copyright”): read them before you publish the form",
            );
        }
        for (code, message) in losses::of_extensions(&source.extension, &source.modifier_extension) {
            self.note(None, code, message);
        }
        self.children(&source.item, &Place::default(), None);
        self.conditions();
    }

    /// The items, what became of each `linkId`, and the notes in the order of the items.
    pub fn finish(mut self) -> (Vec<Item>, Sources, Vec<Note>) {
        let position = |note: &Note| self.order.iter().position(|link| note.item.as_ref() == Some(link));
        self.notes.sort_by_cached_key(position);
        (self.items, self.sources, self.notes)
    }

    fn note(&mut self, link: Option<&str>, code: NoteCode, message: impl Into<String>) {
        self.notes.push(Note {
            item: link.map(str::to_owned),
            code,
            message: message.into(),
        });
    }

    /// Takes in the items below a question or group, or of the whole form. `owner` is the question that already says
    /// what some of them say (its unit, the ends of its slider).
    fn children(&mut self, sources: &'a [questionnaire::Item], place: &Place<'a>, owner: Option<&Item>) {
        for source in sources {
            let said = owner.is_some_and(|owner| kind::is_said_by(source, owner));
            if said {
                let link = self.link_id(source);
                self.sources.insert(link, Source::LeftOut(NoteCode::Empty));
            } else {
                self.item(source, place);
            }
        }
    }

    fn item(&mut self, source: &'a questionnaire::Item, place: &Place<'a>) {
        let link = self.link_id(source);
        let text = self.text(source);
        let options = Options::of(self.locale, source, self.contained);
        let mut below = Place {
            orphan: false,
            ..place.clone()
        };

        if let Some((code, message)) = kind::reason_to_leave_out(source, &text, place) {
            self.note(Some(&link), code, message);
            self.sources.insert(link, Source::LeftOut(code));
            below.hidden |= code == NoteCode::Hidden;
            below.orphan = true;
            below.above.push(source);
            self.children(&source.item, &below, None);
            return;
        }

        let kind = kind::of(source, &options);
        let item = self.kept(source, &link, kind, text, options, place);
        if kind == ItemKind::Group {
            below = Place {
                group: Some(item.key.clone()),
                ..Place::default()
            };
        } else {
            below.above.push(source);
        }
        self.children(&source.item, &below, Some(&item));
    }

    /// The `linkId`, or something in its place where the file has none or has it twice.
    fn link_id(&mut self, source: &questionnaire::Item) -> String {
        let given = source.link_id.as_deref().map(str::trim).filter(|link| !link.is_empty());
        let wanted = given.map_or_else(|| format!("item-{}", self.sources.len() + 1), str::to_owned);
        let link = key::unique(&wanted, |link| self.sources.contains_key(link));
        if given.is_none() {
            self.note(
                Some(&link),
                NoteCode::LinkId,
                "it has no linkId: no condition and no scale of the file can name it",
            );
        } else if link != wanted {
            let message = format!("the linkId {wanted} is there twice: conditions and scales mean the first");
            self.note(Some(&link), NoteCode::LinkId, message);
        }
        self.order.push(link.clone());
        link
    }

    fn text(&self, source: &questionnaire::Item) -> Text {
        let mut text = wording::text(
            self.locale,
            source.text.as_deref().unwrap_or_default(),
            source.text_element.as_ref(),
        );
        let prefix = source
            .prefix
            .as_deref()
            .map(str::trim)
            .filter(|prefix| !prefix.is_empty());
        if let (Some(prefix), false) = (prefix, text.is_empty()) {
            text.0
                .values_mut()
                .for_each(|words| *words = format!("{prefix} {words}"));
        }
        text
    }

    /// Adds an item to the form, and names what it could not take along.
    fn kept(
        &mut self,
        source: &'a questionnaire::Item,
        link: &str,
        kind: ItemKind,
        text: Text,
        mut options: Options,
        place: &Place<'a>,
    ) -> Item {
        let takes_answer = !matches!(kind, ItemKind::Group | ItemKind::Display);
        let mut item = Item {
            key: self.key(link),
            kind,
            text,
            required: source.required && takes_answer,
            group: place.group.clone(),
            options: Vec::new(),
            min: None,
            max: None,
            step: None,
            min_label: Text::default(),
            max_label: Text::default(),
            enable_when: None,
        };
        if item.text.is_empty() && kind != ItemKind::Group {
            let words = source
                .code
                .iter()
                .find_map(|code| code.display.as_deref())
                .unwrap_or(link);
            item.text = Text::new(self.locale, words);
            self.note(
                Some(link),
                NoteCode::Wording,
                format!("it has no text: it is called “{words}”"),
            );
        }
        self.numbers(source, link, &mut item);
        if !matches!(kind, ItemKind::Choice | ItemKind::MultipleChoice) && !options.list.is_empty() {
            options.list.clear();
            let message = format!(
                "an item of the type “{}” has no options: they are left out",
                source.kind
            );
            self.note(Some(link), NoteCode::Options, message);
        }
        for loss in std::mem::take(&mut options.losses) {
            let instead = if kind == ItemKind::Text {
                ": it is asked as free text"
            } else {
                ""
            };
            self.note(Some(link), NoteCode::Options, format!("{loss}{instead}"));
        }
        let named = losses::of(source, kind).into_iter();
        for (code, message) in named.chain(losses::of_extensions(&source.extension, &source.modifier_extension)) {
            self.note(Some(link), code, message);
        }

        self.conditional.push(Conditional {
            index: self.items.len(),
            link: link.to_owned(),
            own: source,
            above: place.above.clone(),
        });
        let other = (source.kind == "open-choice" && !options.list.is_empty())
            .then(|| self.other(source, link, &item, &mut options));
        item.options = options.list.clone();
        self.items.push(item.clone());
        self.items.extend(other);
        self.sources.insert(
            link.to_owned(),
            Source::Kept {
                key: item.key.clone(),
                kind,
                options,
            },
        );
        item
    }

    /// The least, the greatest and the step of a number, its unit, and the ends of a line.
    fn numbers(&mut self, source: &questionnaire::Item, link: &str, item: &mut Item) {
        let limit = |name: &str| source.extension(name).and_then(Extension::number);
        let is_number = matches!(item.kind, ItemKind::Integer | ItemKind::Decimal | ItemKind::Scale);
        if is_number {
            (item.min, item.max) = (limit("minValue"), limit("maxValue"));
            if let (Some(min), Some(max)) = (item.min, item.max)
                && min > max
            {
                (item.min, item.max) = (None, None);
                self.note(
                    Some(link),
                    NoteCode::Limit,
                    format!("its least value {min} is above its greatest {max}: both are left out"),
                );
            }
            for name in ["minValue", "maxValue"] {
                if source.extension(name).is_some() && limit(name).is_none() {
                    self.note(
                        Some(link),
                        NoteCode::Limit,
                        format!("its {name} is not a number: it is not checked"),
                    );
                }
            }
        } else if source.extension("minValue").is_some() || source.extension("maxValue").is_some() {
            self.note(
                Some(link),
                NoteCode::Limit,
                "its earliest or latest value is not checked",
            );
        }
        if item.kind == ItemKind::Scale {
            item.step = limit("sliderStepValue")
                .filter(|step| *step > 0.0)
                .or((source.kind == "integer").then_some(1.0));
            let end = |control| {
                source
                    .item
                    .iter()
                    .find(|below| below.is_control(control))
                    .map(|below| self.text(below))
            };
            (item.min_label, item.max_label) = (end("lower").unwrap_or_default(), end("upper").unwrap_or_default());
        }
        let below = source
            .item
            .iter()
            .find(|below| below.is_control("unit"))
            .map(|below| self.text(below));
        let unit = source.extension("unit").and_then(Extension::label).map(str::to_owned);
        let unit = unit
            .or_else(|| below.map(|text| text.get(self.locale).to_owned()))
            .filter(|unit| !unit.is_empty());
        let units = source
            .extension
            .iter()
            .filter(|extension| extension.name() == Some("unitOption"))
            .count();
        if let (true, Some(unit)) = (is_number, &unit) {
            item.text
                .0
                .values_mut()
                .for_each(|words| *words = format!("{words} ({unit})"));
        } else if units > 0 {
            self.note(
                Some(link),
                NoteCode::Type,
                "its unit can be chosen: it is asked as a number without one",
            );
        }
    }

    /// An open choice becomes a choice with the option “Other”, and this text that is asked for where it is chosen.
    fn other(&mut self, source: &questionnaire::Item, link: &str, choice: &Item, options: &mut Options) -> Item {
        let word = if self.locale.starts_with("sv") {
            "Annat"
        } else {
            "Other"
        };
        let label = source.extension("openLabel").and_then(Extension::text).unwrap_or(word);
        let label = Text::new(self.locale, label);
        let option = options.push_other(label.clone());
        let key = self.key(&format!("{link}-other"));
        let message = format!(
            "an answer of one's own is given by the option “{}” and the text {key}",
            label.get(self.locale)
        );
        self.note(Some(link), NoteCode::OpenChoice, message);
        let condition = EnableCondition {
            item: choice.key.clone(),
            operator: Operator::Eq,
            answer: Answer::Text(option),
        };
        Item {
            key,
            kind: ItemKind::Text,
            text: label,
            required: true,
            options: Vec::new(),
            enable_when: Some(EnableWhen {
                behavior: EnableBehavior::All,
                conditions: vec![condition],
            }),
            ..choice.clone()
        }
    }

    /// Once every item is known: what each condition means.
    fn conditions(&mut self) {
        let conditional = std::mem::take(&mut self.conditional);
        for item in &conditional {
            let (enable_when, dropped) = condition::resolve(item.own, &item.above, &self.sources);
            for (code, message) in dropped {
                self.note(Some(&item.link), code, message);
            }
            if let Some(kept) = self.items.get_mut(item.index) {
                kept.enable_when = enable_when;
            }
        }
        for index in circle::break_all(&mut self.items) {
            let link = conditional
                .iter()
                .find(|item| item.index == index)
                .map(|item| item.link.clone());
            let message = "whether it is shown depends on its own answer, in a circle: it is shown always";
            self.note(link.as_deref(), NoteCode::Condition, message);
        }
    }

    fn key(&mut self, link: &str) -> String {
        let key = key::unique(&key::slug(link), |key| self.keys.contains(key));
        self.keys.insert(key.clone());
        key
    }
}
