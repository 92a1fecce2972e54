//! What firings do with content: they show, open and hide it, and what waits for it opens as it would.

use std::{borrow::Cow, collections::BTreeMap};

use uuid::Uuid;

use super::effect::{Carried, Pen, World};
use crate::{
    content::Piece,
    definition::Action,
    facts::{Dated, EventKind, Facts, Instant},
    opening::{Waiting, openings, opens_at, visibility},
};

/// What somebody, or a rule, said of a module or a section in one enrollment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Instant,
    /// Whether it is shown, and from when, where that was said.
    pub visible: Option<Dated<bool>>,
    /// From when it is open, where that was said.
    pub opens_at: Option<Instant>,
    /// The firing that said it; none by hand.
    pub firing: Option<Uuid>,
}

/// A module of somebody's version of the program: what the facts do not tell of when it is shown and opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleHistory {
    /// Its key.
    pub key: String,
    /// From when it may open without anybody's doing; none where it never does.
    pub opens_from: Option<Instant>,
    /// The keys of the modules that must be completed before.
    pub prerequisites: Vec<String>,
    /// What was said of it, oldest first.
    pub said: Vec<Said>,
    /// What was said of its sections, oldest first, by their keys.
    pub sections: BTreeMap<String, Vec<Said>>,
}

impl ModuleHistory {
    /// What was said of a piece of content, where it is this module or in it.
    fn said_of(&mut self, piece: &Piece) -> Option<&mut Vec<Said>> {
        match piece {
            Piece::Module(key) => (*key == self.key).then_some(&mut self.said),
            Piece::Section(key) => self.sections.get_mut(key),
        }
    }
}

/// Takes what firings said, from the oldest on, out of what was said.
pub fn take_out(modules: &mut [ModuleHistory], is_meant: impl Fn(Uuid) -> bool) -> Vec<(Piece, Said)> {
    let is_meant = |said: &mut Said| said.firing.is_some_and(&is_meant);
    let mut taken = Vec::new();
    for module in modules {
        let of_module = module.said.extract_if(.., is_meant);
        taken.extend(of_module.map(|said| (Piece::Module(module.key.clone()), said)));
        for (key, said) in &mut module.sections {
            let of_section = said.extract_if(.., is_meant);
            taken.extend(of_section.map(|said| (Piece::Section(key.clone()), said)));
        }
    }
    taken
}

impl World {
    /// Shows or hides a module or a section; what is shown is also opened.
    pub(super) fn content(&mut self, one: &mut Carried<'_>, action: &Action, pen: &mut Pen) {
        let (piece, value) = match action {
            Action::OpenModule(of) => (Piece::Module(of.module.clone()), true),
            Action::HideModule(of) => (Piece::Module(of.module.clone()), false),
            Action::OpenSection(of) => (Piece::Section(of.section.clone()), true),
            Action::HideSection(of) => (Piece::Section(of.section.clone()), false),
            _ => return,
        };
        if one.real.is_some() {
            return;
        }
        let at = pen.now;
        let is_open = is_open(&self.facts, &self.modules, &piece, at);
        let said = Said {
            at,
            visible: Some(Dated { at, value }),
            opens_at: (value && !is_open).then_some(at),
            firing: None,
        };
        if self.say(&piece, said) {
            settle(&mut self.facts, &self.modules);
            self.write(pen, one.firing.depth, EventKind::FactChanged);
        }
    }

    /// Notes what was said of a piece of content, where the version has it.
    pub(super) fn say(&mut self, piece: &Piece, said: Said) -> bool {
        let mut modules = self.modules.iter_mut();
        let Some(all) = modules.find_map(|module| module.said_of(piece)) else {
            return false;
        };
        let place = all.partition_point(|other| other.at <= said.at);
        all.insert(place, said);
        true
    }
}

/// Whether the time of a piece of content has come, with that of the module where it is a section.
pub(super) fn is_open(facts: &Facts, modules: &[ModuleHistory], piece: &Piece, at: Instant) -> bool {
    let said = |said: &[Said]| {
        let known = said.iter().rev().filter(|said| said.at <= at);
        known.filter_map(|said| said.opens_at).next()
    };
    let is_it = |module: &&ModuleHistory| match piece {
        Piece::Module(key) => module.key == *key,
        Piece::Section(key) => module.sections.contains_key(key),
    };
    let Some(module) = modules.iter().find(is_it) else {
        return true;
    };
    let of_section = match piece {
        Piece::Section(key) => module.sections.get(key).and_then(|section| said(section)),
        Piece::Module(_) => None,
    };
    let opens = said(&module.said).or_else(|| opens_at(&by_itself(facts, modules, module), at));
    opens.is_some_and(|opens| opens <= at) && of_section.is_none_or(|opens| opens <= at)
}

/// Works out anew what is shown and when modules open.
pub(super) fn settle(facts: &mut Facts, modules: &[ModuleHistory]) {
    let changes = |said: &[Said]| {
        let latest_first = said.iter().rev();
        visibility(latest_first.filter_map(|said| Some((said.at, said.visible.clone()?))))
    };
    for history in modules {
        let known = facts.modules.iter_mut().find(|module| module.key == history.key);
        let Some(known) = known else { continue };
        known.visible = changes(&history.said);
        for section in &mut known.sections {
            if let Some(said) = history.sections.get(&section.key) {
                section.visible = changes(said);
            }
        }
    }
    // Only once it is known what is shown.
    for history in modules {
        let said: Vec<Dated<Instant>> = history
            .said
            .iter()
            .filter_map(|said| {
                let (at, value) = (said.at, said.opens_at?);
                Some(Dated { at, value })
            })
            .collect();
        let opened = openings(by_itself(facts, modules, history), &said);
        if let Some(known) = facts.modules.iter_mut().find(|module| module.key == history.key) {
            known.opened = opened;
        }
    }
}

/// When a module opens and closes without anybody's doing.
fn by_itself(facts: &Facts, modules: &[ModuleHistory], module: &ModuleHistory) -> Vec<Dated<bool>> {
    let find = |key: &String| {
        let known = facts.modules.iter().find(|module| module.key == *key)?;
        let history = modules.iter().find(|module| module.key == *key)?;
        Some((Cow::Borrowed(known), history.prerequisites.as_slice()))
    };
    let from = module.opens_from.into_iter();
    from.flat_map(|from| Waiting::new(&module.prerequisites, find).changes(from))
        .collect()
}
