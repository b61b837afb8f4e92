//! What two messages share word for word, a document for example, and what each asks about it.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::vetoes::Veto;
use super::words::is_unspaced;

/// Words that two messages must share in a row for the run to count as a document.
pub(super) const DOCUMENT: usize = 24;
/// Words of a window by which runs are found: two equal runs of [`DOCUMENT`] words hold a whole one, wherever they begin.
const WINDOW: usize = 12;
/// Windows that are looked at where a text repeats itself.
const MOST_ALIKE: usize = 4;
/// Words of what remains at most.
const LONGEST_REST: usize = 60;
const HASH: FixedState = FixedState::with_seed(0);

/// Two messages without what they share.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub one: String,
    pub other: String,
    pub has_document: bool,
}

/// Takes out of two messages the document that both are about.
///
/// # Errors
/// [`Veto::Document`] where both have text around or within the document that differs, or where too much is left to compare.
pub(super) fn difference(one: &str, other: &str) -> Result<Difference, Veto> {
    let (left, right) = (Tokens::of(one), Tokens::of(other));
    if left.is_request() && right.is_request() {
        return rest(one.to_owned(), other.to_owned(), false);
    }
    let Some(run) = longest_run(&left, &right, DOCUMENT) else {
        return rest(one.to_owned(), other.to_owned(), false);
    };
    let (start, end) = boundaries(&left, &right, run);
    let sides = (
        left.around(run.left.saturating_add(start), run.left.saturating_add(end)),
        right.around(run.right.saturating_add(start), run.right.saturating_add(end)),
    );
    let ((before_one, after_one), (before_other, after_other)) = sides;
    let whole = [before_one, before_other]
        .iter()
        .all(|text| ends_a_sentence(text) && asks_only(text, last_line(text)))
        && [after_one, after_other].iter().all(|text| asks_only(text, first_line(text)));
    let differ = |one: &str, other: &str| {
        !one.trim().is_empty() && !other.trim().is_empty() && one.trim() != other.trim()
    };
    if !whole || differ(before_one, before_other) && differ(after_one, after_other) {
        return Err(Veto::Document);
    }
    // What stands after a document on its own line is part of it, and so is what stands before it where the request is elsewhere.
    let beside = |before: &str, after: &str| {
        let line = last_line(before).trim();
        !first_line(after).trim().is_empty()
            || !line.is_empty() && !line.ends_with(':') && !after.trim().is_empty()
    };
    if beside(before_one, after_one) || beside(before_other, after_other) {
        return Err(Veto::Document);
    }
    let joined = |before: &str, after: &str| [before.trim(), after.trim()].join("\n").trim().to_owned();
    let (one, other) = (joined(before_one, after_one), joined(before_other, after_other));
    if longest_run(&Tokens::of(&one), &Tokens::of(&other), WINDOW).is_some() && one != other {
        return Err(Veto::Document);
    }
    rest(one, other, true)
}

fn rest(one: String, other: String, has_document: bool) -> Result<Difference, Veto> {
    let too_long = |text: &str| Tokens::of(text).places.len() > LONGEST_REST;
    if too_long(&one) || too_long(&other) {
        Err(Veto::Document)
    } else {
        Ok(Difference { one, other, has_document })
    }
}

/// The words of a text between white space, each with its place and its hash.
struct Tokens<'t> {
    text: &'t str,
    places: Vec<(usize, usize)>,
    hashes: Vec<u64>,
}

impl<'t> Tokens<'t> {
    fn of(text: &'t str) -> Self {
        let mut places = Vec::with_capacity(text.len() / 5);
        let mut start = None;
        for (at, c) in text.char_indices() {
            let alone = is_unspaced(c);
            if c.is_whitespace() || alone {
                places.extend(start.take().map(|start| (start, at)));
                if alone {
                    places.push((at, at.saturating_add(c.len_utf8())));
                }
            } else {
                start = start.or(Some(at));
            }
        }
        places.extend(start.map(|start| (start, text.len())));
        let hashes = places
            .iter()
            .map(|(start, end)| HASH.hash_one(text.get(*start..*end).unwrap_or_default()))
            .collect();
        Self { text, places, hashes }
    }

    /// Whether the text is a long request, with no document after it.
    fn is_request(&self) -> bool {
        self.places.len() <= LONGEST_REST && !self.text.trim().contains(['\n', ':', '"'])
    }

    /// The text before and after the words from `start` to `end`.
    fn around(&self, start: usize, end: usize) -> (&'t str, &'t str) {
        let from = self.places.get(start).map_or(self.text.len(), |(from, _)| *from);
        let to = end.checked_sub(1).and_then(|last| self.places.get(last)).map_or(0, |(_, to)| *to);
        (self.text.get(..from).unwrap_or_default(), self.text.get(to..).unwrap_or_default())
    }

    /// Whether a sentence or line ends with the word.
    fn ends_at(&self, word: usize) -> bool {
        let Some((start, end)) = self.places.get(word) else { return true };
        let next = self.places.get(word.saturating_add(1)).map_or(self.text.len(), |(next, _)| *next);
        ends_a_sentence(self.text.get(*start..*end).unwrap_or_default())
            || self.text.get(*end..next).is_some_and(|gap| gap.contains('\n'))
    }
}

/// Words in a row that both texts have.
#[derive(Debug, Clone, Copy)]
struct Run {
    left: usize,
    right: usize,
    length: usize,
}

/// The longest run of at least `shortest` words.
fn longest_run(left: &Tokens<'_>, right: &Tokens<'_>, shortest: usize) -> Option<Run> {
    if left.hashes.len() < shortest || right.hashes.len() < shortest {
        return None;
    }
    let window = WINDOW.min(shortest / 2).max(1);
    let mut known: HashMap<u64, Vec<usize>, FixedState> = HashMap::with_hasher(HASH);
    for (index, words) in left.hashes.chunks_exact(window).enumerate() {
        let places = known.entry(HASH.hash_one(words)).or_default();
        if places.len() < MOST_ALIKE {
            places.push(index.saturating_mul(window));
        }
    }
    let mut best: Option<Run> = None;
    let mut at = 0_usize;
    while let Some(words) = right.hashes.get(at..at.saturating_add(window)) {
        let runs = known
            .get(&HASH.hash_one(words))
            .into_iter()
            .flatten()
            .map(|place| extended(left, right, *place, at));
        let longest = runs.max_by_key(|run| run.length).filter(|run| run.length >= window);
        if let Some(run) = longest {
            at = at.max(run.right.saturating_add(run.length));
            if best.is_none_or(|best| run.length > best.length) {
                best = Some(run);
            }
        } else {
            at = at.saturating_add(1);
        }
    }
    best.filter(|run| run.length >= shortest)
}

/// The run of equal words around one place in each text.
fn extended(left: &Tokens<'_>, right: &Tokens<'_>, at_left: usize, at_right: usize) -> Run {
    let (left_before, left_after) = left.hashes.split_at_checked(at_left).unwrap_or_default();
    let (right_before, right_after) = right.hashes.split_at_checked(at_right).unwrap_or_default();
    let alike = |(left, right): &(&u64, &u64)| left == right;
    let backward = left_before.iter().rev().zip(right_before.iter().rev()).take_while(alike).count();
    let forward = left_after.iter().zip(right_after).take_while(alike).count();
    Run {
        left: at_left.saturating_sub(backward),
        right: at_right.saturating_sub(backward),
        length: backward.saturating_add(forward),
    }
}

/// Where within the run the shared document begins and ends: at whole sentences or lines, so that the words with which two
/// requests happen to end alike stay with them.
fn boundaries(left: &Tokens<'_>, right: &Tokens<'_>, run: Run) -> (usize, usize) {
    let begins = |offset: usize| {
        let begins =
            |tokens: &Tokens<'_>, at: usize| at.checked_sub(1).is_none_or(|before| tokens.ends_at(before));
        begins(left, run.left.saturating_add(offset)) && begins(right, run.right.saturating_add(offset))
    };
    let ends = |offset: usize| {
        let ends = |tokens: &Tokens<'_>, at: usize| {
            at >= tokens.places.len() || at.checked_sub(1).is_none_or(|last| tokens.ends_at(last))
        };
        ends(left, run.left.saturating_add(offset)) && ends(right, run.right.saturating_add(offset))
    };
    let start = (0..run.length).find(|offset| begins(*offset)).unwrap_or_default();
    let end = (start..=run.length).rev().find(|offset| ends(*offset)).unwrap_or(run.length);
    (start, end)
}

/// Whether a text is empty or ends with a whole sentence or line.
fn ends_a_sentence(text: &str) -> bool {
    let end = text.trim_end();
    end.is_empty()
        || end.ends_with(['.', '?', '!', ':', ';', '`', '"', '”', '-', '=', '#', '。', '？', '！', '：'])
        || text.get(end.len()..).is_some_and(|gap| gap.contains('\n'))
}

fn last_line(text: &str) -> &str {
    text.rsplit_once('\n').map_or(text, |(_, line)| line)
}

fn first_line(text: &str) -> &str {
    text.split_once('\n').map_or(text, |(line, _)| line)
}

/// Whether what stands beside a document is a request: on the document's own line at most one sentence, and nothing where the
/// request has lines of its own.
fn asks_only(text: &str, line: &str) -> bool {
    let line = line.trim();
    let has_other_lines = text.trim() != line;
    let sentences = line
        .split_inclusive(['.', '?', '!', ':'])
        .filter(|part| part.chars().any(char::is_alphanumeric))
        .count();
    line.is_empty() || (if has_other_lines { line.ends_with(':') && sentences <= 1 } else { sentences <= 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTICLE: &str = "The reef lost a third of its corals within two summers. Divers counted 71 species in May.\nThe ministry has not \
                           yet decided whether boats may anchor there, although the island's own council asked for a rule in \
                           spring and again in summer. A vote is planned for the autumn, and the fishermen expect a ban.";

    fn rest(one: &str, other: &str) -> Option<(String, String)> {
        difference(one, other).ok().map(|difference| (difference.one, difference.other))
    }

    #[test]
    fn what_is_asked_about_one_document_is_what_remains() {
        let one = format!("Summarize this article.\n\n{ARTICLE}");
        for (other, asks) in [
            (format!("Please sum up the article below:\n\n{ARTICLE}"), "Please sum up the article below:"),
            (format!("{ARTICLE}\n\nSum it up."), "Sum it up."),
            (format!("Sum up this text: {ARTICLE}"), "Sum up this text:"),
        ] {
            let asked = ("Summarize this article.".to_owned(), asks.to_owned());
            assert_eq!(rest(&one, &other), Some(asked), "{other}");
        }
    }

    #[test]
    fn words_with_which_requests_end_alike_stay_with_them() {
        let one = format!("Sum up the following text: {ARTICLE}");
        let other = format!("Translate the following text: {ARTICLE}");
        assert_eq!(
            rest(&one, &other),
            Some(("Sum up the following text:".into(), "Translate the following text:".into()))
        );
    }

    #[test]
    fn a_document_that_differs_is_another_document() {
        for (from, to) in [
            ("71 species", "17 species"),
            ("The reef", "The lake"),
            ("a ban", "no ban"),
            ("has not yet", "has"),
        ] {
            for ask in ["Summarize this article.\n\n", "Summarize: "] {
                let changed = ARTICLE.replace(from, to);
                let pair = (format!("{ask}{ARTICLE}"), format!("{ask}{changed}"));
                assert_eq!(difference(&pair.0, &pair.1), Err(Veto::Document), "{from} {ask}");
            }
        }
    }

    #[test]
    fn short_messages_stay_whole() {
        let pair = ("How do I boil an egg?", "How can I boil eggs?");
        assert_eq!(rest(pair.0, pair.1), Some((pair.0.into(), pair.1.into())));
    }

    #[test]
    fn a_long_request_is_no_document() {
        let asked = "how long should the dough of a pizza rest in the fridge before it goes into a hot oven, and why does it \
                     taste so much better then";
        let (one, other) = (format!("Tell me {asked}"), format!("For {asked}?"));
        let expected = Difference { one: one.clone(), other: other.clone(), has_document: false };
        assert_eq!(difference(&one, &other), Ok(expected));
    }

    #[test]
    fn too_much_to_compare_is_refused() {
        let long = "word ".repeat(61);
        assert_eq!(difference(&long, "Another text"), Err(Veto::Document));
    }
}
