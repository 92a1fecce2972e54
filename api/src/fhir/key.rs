//! Keys of items and options, made of names that other systems chose.

/// How many characters a key may have, before a number is put behind it.
pub const LONGEST: usize = 150;

/// Lower-case letters, digits and hyphens only.
pub fn slug(name: &str) -> String {
    let name = name.to_lowercase();
    let words = name
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let slug: String = words.collect::<Vec<_>>().join("-").chars().take(LONGEST).collect();
    if slug.is_empty() { "item".to_owned() } else { slug }
}

/// `wanted`, or with a number behind it the first that is not taken.
pub fn unique(wanted: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{wanted}-{number}"));
    std::iter::once(wanted.to_owned())
        .chain(numbered)
        .find(|key| !taken(key))
        .unwrap_or_default()
}
