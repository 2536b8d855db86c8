//! Names in sentences for users: how they are quoted, and the known name that a user may have meant.

pub(crate) use lakebed_json::quoted;

/// The known name that is closest to a wrong one, if at most a third of the letters differ.
pub(crate) fn closest_name<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.to_ascii_lowercase().chars().take(LONGEST).collect();
    let bound = wrong.len().max(3) / 3;
    let (distance, name) = known
        .into_iter()
        .map(|name| (distance(&wrong, name), name))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= bound).then_some(name)
}

/// Letters that are compared: names may be long, and the distance costs the product of their lengths.
const LONGEST: usize = 100;

/// The Levenshtein distance of two names, in letters, ignoring the case of the letters A to Z.
fn distance(wrong: &[char], name: &str) -> usize {
    let mut row: Vec<usize> = (0..=wrong.len()).collect();
    for (line, letter) in name.to_ascii_lowercase().chars().take(LONGEST).enumerate() {
        let mut above_left = line;
        let mut left = line + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(wrong) {
            let above = *cell;
            let replaced = above_left + usize::from(*other != letter);
            *cell = replaced.min(above + 1).min(left + 1);
            above_left = above;
            left = *cell;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    // The row has a cell for each letter of `wrong` and one more.
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::closest_name;

    #[test]
    fn names_that_differ_little_are_suggested() {
        let known = ["events", "packages", "Größe"];
        assert_eq!(closest_name("event", known), Some("events"));
        assert_eq!(closest_name("EVENTS", known), Some("events"));
        assert_eq!(closest_name("pakcages", known), Some("packages"));
        assert_eq!(closest_name("grösse", known), Some("Größe"));
        assert_eq!(closest_name("replies", known), None);
        assert_eq!(closest_name("", known), None);
        assert_eq!(closest_name("event", []), None);
    }
}
