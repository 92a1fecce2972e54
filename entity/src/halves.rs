//! Going on with the rest of a batch where something in it cannot be read, or is refused for good.

/// The parts of a batch that are still to be tried.
pub(crate) struct Halves<T>(Vec<Vec<T>>);

impl<T> Halves<T> {
    /// All of it in one part.
    pub(crate) fn of(all: Vec<T>) -> Self {
        Self(vec![all])
    }

    /// The part to be tried next.
    pub(crate) fn next_part(&mut self) -> Option<Vec<T>> {
        self.0.pop()
    }

    /// Has a part that failed tried in halves; gives what it fails for once that is alone.
    pub(crate) fn split(&mut self, mut part: Vec<T>) -> Option<T> {
        if part.len() <= 1 {
            return part.pop();
        }
        self.0.push(part.split_off(part.len() / 2));
        self.0.push(part);
        None
    }
}
