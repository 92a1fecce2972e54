//! Numbers that would tell about people are not told.
//!
//! A number of fewer than five people is hidden, but for 0: nobody is no group. As a breakdown has a total, one hidden number
//! could be had by subtraction; so the next smallest is hidden with it, and so on until no fewer than two are hidden, and no
//! fewer than five people in them (complementary suppression, as statistical offices do it: Hundepool et al. 2012,
//! *Statistical Disclosure Control*, chapter 4). Likewise between answers: what is told of a whole must not give away what is
//! hidden of one of its parts. Where a total is hidden all that it is broken down into is hidden, also what is 0: else that
//! would tell what the few are.
//!
//! People are told apart: who takes part twice is one of a group, not two.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

/// Of how many people a number tells at least.
pub const FEWEST: usize = 5;

/// Some of the people whom a number tells of: all, or [`FEWEST`] where they are more. That suffices to know of how many people
/// numbers tell together, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct People(BTreeSet<Uuid>);

impl People {
    fn add(&mut self, citizen: Uuid) {
        if self.0.len() < FEWEST {
            self.0.insert(citizen);
        }
    }

    fn join(&mut self, other: &Self) {
        other.0.iter().for_each(|citizen| self.add(*citizen));
    }

    fn are_few(&self) -> bool {
        self.0.len() < FEWEST
    }
}

/// How many there are of something, and of whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figure {
    count: u64,
    people: People,
}

impl Figure {
    /// So many of a citizen's.
    pub fn count(&mut self, citizen: Uuid, count: u64) {
        self.count += count;
        if count > 0 {
            self.people.add(citizen);
        }
    }

    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.people.join(&other.people);
    }

    fn is_small(&self) -> bool {
        self.count > 0 && self.people.are_few()
    }
}

/// A breakdown as it was counted. What it lacks is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts<K> {
    /// All.
    pub total: Figure,
    /// How many of each.
    pub cells: BTreeMap<K, Figure>,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self {
            total: Figure::default(),
            cells: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone> Counts<K> {
    /// So many of a kind, of a citizen.
    pub fn count(&mut self, kind: K, citizen: Uuid, count: u64) {
        self.total.count(citizen, count);
        self.cells.entry(kind).or_default().count(citizen, count);
    }

    /// Both together.
    pub fn add(&mut self, other: &Self) {
        self.total.add(&other.total);
        for (key, figure) in &other.cells {
            self.cells.entry(key.clone()).or_default().add(figure);
        }
    }
}

/// What the same reader may be told of the parts of a whole.
#[derive(Clone, Debug)]
pub enum Parts<T> {
    /// Nothing: it is asked for as a whole alone.
    None,
    /// These. The whole is told as far as it gives nothing of them away.
    Told(Vec<T>),
    /// These, and those of other wholes that they are part of as well. The whole is told as far as anybody could add it up.
    Shared(Vec<T>),
}

impl<T> Parts<T> {
    /// Something of each part.
    pub fn map<'a, U>(&'a self, of: impl Fn(&'a T) -> U) -> Parts<U> {
        match self {
            Self::None => Parts::None,
            Self::Told(parts) => Parts::Told(parts.iter().map(of).collect()),
            Self::Shared(parts) => Parts::Shared(parts.iter().map(of).collect()),
        }
    }
    /// The same where nothing is told but what could be added up.
    fn shared(self) -> Self {
        match self {
            Self::Told(parts) => Self::Shared(parts),
            other => other,
        }
    }
}

/// A number that may be hidden.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    figure: Figure,
    hidden: bool,
    /// Whether what is told of its parts tells it, also where it is hidden.
    adds_up: bool,
    /// Of whom nobody knows, where it is hidden.
    unknown: People,
}

impl Cell {
    /// A number that stands alone, and what is told of its parts.
    pub fn new(figure: Figure, parts: &Parts<&Self>) -> Self {
        let (hidden, adds_up, unknown) = match parts {
            Parts::None => (false, false, figure.people.clone()),
            Parts::Told(parts) => (gives_away(parts), add_up(parts), unknown(parts)),
            Parts::Shared(parts) => (!add_up(parts), add_up(parts), unknown(parts)),
        };
        Self {
            hidden: hidden || figure.is_small(),
            figure,
            adds_up,
            unknown,
        }
    }

    /// How many; none where that is not told.
    pub fn count(&self) -> Option<u64> {
        (!self.hidden).then_some(self.figure.count)
    }

    /// Whether it is not told.
    pub fn is_hidden(&self) -> bool {
        self.hidden
    }

    fn is_known(&self) -> bool {
        !self.hidden || self.adds_up
    }
}

/// Whether the sum of parts, once it is told, tells what is hidden of them: of a single one, also of one that is 0, or of few
/// people.
fn gives_away(parts: &[&Cell]) -> bool {
    match parts.iter().filter(|part| !part.is_known()).count() {
        0 => false,
        1 => true,
        _ => unknown(parts).are_few(),
    }
}

/// Whether the parts tell their sum.
fn add_up(parts: &[&Cell]) -> bool {
    parts.iter().all(|part| part.is_known())
}

/// Of whom nobody knows: those who are told of in some part are not among them for it.
fn unknown(parts: &[&Cell]) -> People {
    let mut people = People::default();
    let unknown = parts.iter().filter(|part| !part.is_known());
    unknown.for_each(|part| people.join(&part.unknown));
    people
}

/// A breakdown as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<K> {
    /// All.
    pub total: Cell,
    cells: BTreeMap<K, Cell>,
    /// What is told of those that it lacks.
    lacking: Cell,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self {
            total: Cell::default(),
            cells: BTreeMap::new(),
            lacking: Cell::default(),
        }
    }
}

impl<K: Ord + Clone> Table<K> {
    /// What is told of a breakdown, and what is told of its parts. What it is broken down into is told as far as the parts tell
    /// it: sums across parts and across a breakdown together would make equations that can be solved.
    pub fn new(counts: &Counts<K>, parts: &Parts<&Self>) -> Self {
        let cells = counts.cells.iter().map(|(key, figure)| {
            let cell = Cell::new(figure.clone(), &parts.map(|part| part.cell(key)).shared());
            (key.clone(), cell)
        });
        let mut table = Self {
            total: Cell::new(counts.total.clone(), &parts.map(|part| &part.total)),
            cells: cells.collect(),
            lacking: Cell::new(Figure::default(), &parts.map(|part| &part.lacking).shared()),
        };
        table.close();
        table
    }

    /// Hides as much as it takes for nobody to have by subtraction what is hidden.
    fn close(&mut self) {
        while !self.total.hidden && gives_away(&self.cells.values().collect::<Vec<_>>()) {
            // Hiding what can be added up of the parts would hide nothing.
            let shown = |cell: &&mut Cell| !cell.hidden && cell.figure.count > 0 && !cell.adds_up;
            let next = self.cells.values_mut().filter(shown);
            match next.min_by_key(|cell| cell.figure.count) {
                Some(cell) => cell.hidden = true,
                None => self.total.hidden = true,
            }
        }
        if self.total.hidden {
            self.hide();
        }
    }

    /// Hides one, and as much as it takes for nobody to have it by subtraction.
    pub fn hide_one(&mut self, key: &K) {
        if let Some(cell) = self.cells.get_mut(key) {
            cell.hidden = true;
        }
        self.close();
    }

    /// Tells nothing of it.
    pub fn hide(&mut self) {
        let cells = self.cells.values_mut();
        cells
            .chain([&mut self.total, &mut self.lacking])
            .for_each(|cell| cell.hidden = true);
    }

    /// How many of one.
    pub fn cell(&self, key: &K) -> &Cell {
        self.cells.get(key).unwrap_or(&self.lacking)
    }

    /// Those that there are, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.cells.keys()
    }

    /// Those that there are of which it is told how many, in order.
    pub fn told(&self) -> impl Iterator<Item = (&K, &Cell)> {
        self.cells
            .iter()
            .filter(|(_, cell)| !cell.hidden && cell.figure.count > 0)
    }
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// How many of the whole.
    pub count: u64,
    /// How many the whole is.
    pub of: u64,
}

impl Share {
    /// From 0 to 1; none where the whole is nothing.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn share(&self) -> Option<f64> {
        (self.of > 0).then(|| self.count as f64 / self.of as f64)
    }
}

#[cfg(test)]
mod tests;
