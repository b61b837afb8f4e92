//! A pull reader that writes the canonical form of what it reads.
//!
//! The form distinguishes any two JSON documents except by whitespace, the order of an object's members and the spelling
//! of strings: every value begins with a tag, strings and numbers carry their length, members are sorted by key (members
//! of the same key keep their order, so a repeated key is not lost). Numbers keep their spelling, but for zeros that end a
//! fraction.

use std::ops::Range;

use jiter::{Jiter, JiterError, Peek};

use super::sized::push_sized;
use super::text::Text;
use super::view::{Canonical, RequestError};

/// Whether a member belongs to the canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Yes,
    No,
}

/// A member of an object in the canonical form: where it begins, where its key ends, where it ends.
#[derive(Debug, Clone, Copy)]
struct MemberSpan {
    start: usize,
    key_end: usize,
    end: usize,
}

pub(super) type Read<T> = Result<T, RequestError>;

/// Reads a body from its first byte to its last.
pub(super) struct Reader<'b> {
    json: Jiter<'b>,
    max_depth: u16,
    keeps: bool,
    canonical: Vec<u8>,
    /// Members of the objects that are open, innermost last.
    members: Vec<MemberSpan>,
    /// Room for sorting an object's members.
    scratch: Vec<u8>,
}

impl<'b> Reader<'b> {
    pub(super) fn new(body: &'b [u8], max_depth: u16, canonical: Canonical) -> Self {
        let keeps = canonical == Canonical::Keep;
        Self {
            json: Jiter::new(body),
            max_depth,
            keeps,
            canonical: Vec::with_capacity(if keeps { body.len() } else { 0 }),
            members: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// The canonical form of all that was read, if it was to be kept.
    pub(super) fn into_canonical(self) -> Option<Vec<u8>> {
        self.keeps.then_some(self.canonical)
    }

    /// What kind of value comes next.
    pub(super) fn peek(&mut self) -> Read<Peek> {
        self.json.peek().map_err(invalid)
    }

    /// Offset of the value that was peeked, or of the first byte after the one that was read.
    pub(super) fn at(&self) -> usize {
        self.json.current_index()
    }

    /// How long the canonical form is so far.
    pub(super) fn written(&self) -> usize {
        self.canonical.len()
    }

    /// Puts a string in the place of what the canonical form got after it had been so long; `None`: nothing.
    pub(super) fn rewrite(&mut self, since: usize, text: Option<&str>) {
        if self.keeps {
            self.canonical.truncate(since);
            if let Some(text) = text {
                push_sized(&mut self.canonical, b's', text.as_bytes());
            }
        }
    }

    /// Nothing but whitespace may follow.
    pub(super) fn finish(&mut self) -> Read<()> {
        self.json.finish().map_err(invalid)
    }

    /// Reads any value.
    pub(super) fn value(&mut self, peek: Peek, depth: u16) -> Read<()> {
        match peek {
            Peek::String => self.text().map(drop),
            Peek::Object => self.object(
                depth,
                |_| (),
                |reader, (), peek, depth| reader.value(peek, depth).map(|()| Keep::Yes),
            ),
            Peek::Array => self.array(depth, |reader, peek, depth| reader.value(peek, depth)),
            Peek::Null => {
                self.tag(b'n');
                self.json.known_null().map_err(invalid)
            }
            Peek::True | Peek::False => self.boolean(peek).map(drop),
            _ => self.number(peek).map(drop),
        }
    }

    /// Reads a string.
    pub(super) fn text(&mut self) -> Read<Text> {
        let start = self.json.current_index();
        let decoded = self.json.known_str().map_err(invalid)?;
        let length = decoded.len();
        if self.keeps {
            push_sized(&mut self.canonical, b's', decoded.as_bytes());
        }
        Ok(Text { span: start..self.json.current_index(), length })
    }

    /// Reads a boolean.
    pub(super) fn boolean(&mut self, peek: Peek) -> Read<bool> {
        let value = self.json.known_bool(peek).map_err(invalid)?;
        self.tag(if value { b't' } else { b'f' });
        Ok(value)
    }

    /// Reads a number; returns where it stands.
    pub(super) fn number(&mut self, peek: Peek) -> Read<Range<usize>> {
        let start = self.json.current_index();
        let digits = self.json.known_number_bytes(peek).map_err(invalid)?;
        if self.keeps {
            push_sized(&mut self.canonical, b'd', shortest(digits));
        }
        Ok(start..self.json.current_index())
    }

    /// Reads an array; `each` reads an element.
    pub(super) fn array(
        &mut self,
        depth: u16,
        mut each: impl FnMut(&mut Self, Peek, u16) -> Read<()>,
    ) -> Read<()> {
        let inside = self.deeper(depth)?;
        self.tag(b'[');
        let mut next = self.json.known_array().map_err(invalid)?;
        while let Some(peek) = next {
            each(self, peek, inside)?;
            next = self.json.array_step().map_err(invalid)?;
        }
        self.tag(b']');
        Ok(())
    }

    /// Reads an object: `name` makes of a key what `each` needs to know of it, `each` reads the value.
    pub(super) fn object<F: Copy>(
        &mut self,
        depth: u16,
        name: impl Fn(&str) -> F,
        mut each: impl FnMut(&mut Self, F, Peek, u16) -> Read<Keep>,
    ) -> Read<()> {
        let inside = self.deeper(depth)?;
        self.tag(b'{');
        let first_member = self.members.len();
        let mut key = self.json.known_object();
        loop {
            let start = self.canonical.len();
            let field = match key.map_err(invalid)? {
                None => break,
                Some(key) => {
                    if self.keeps {
                        push_sized(&mut self.canonical, b's', key.as_bytes());
                    }
                    name(key)
                }
            };
            let key_end = self.canonical.len();
            let peek = self.peek()?;
            match each(self, field, peek, inside)? {
                Keep::Yes if self.keeps => {
                    self.members.push(MemberSpan { start, key_end, end: self.canonical.len() });
                }
                Keep::Yes => {}
                Keep::No => self.canonical.truncate(start),
            }
            key = self.json.next_key();
        }
        self.sort_members(first_member);
        self.tag(b'}');
        Ok(())
    }

    /// Puts the members from `first` on, which end the canonical form, into the order of their keys.
    fn sort_members(&mut self, first: usize) {
        let canonical = &self.canonical;
        let key = |member: &MemberSpan| canonical.get(member.start..member.key_end).unwrap_or_default();
        let Some(members) = self.members.get_mut(first..) else { return };
        let begin = members.first().map_or(canonical.len(), |member| member.start);
        if !members.is_sorted_by(|a, b| key(a) <= key(b)) {
            members.sort_by(|a, b| key(a).cmp(key(b)));
            self.scratch.clear();
            for member in &*members {
                self.scratch.extend_from_slice(canonical.get(member.start..member.end).unwrap_or_default());
            }
            self.canonical.truncate(begin);
            self.canonical.extend_from_slice(&self.scratch);
        }
        self.members.truncate(first);
    }

    fn tag(&mut self, tag: u8) {
        if self.keeps {
            self.canonical.push(tag);
        }
    }

    fn deeper(&self, depth: u16) -> Read<u16> {
        if depth > self.max_depth {
            return Err(RequestError::TooDeep { limit: self.max_depth });
        }
        Ok(depth.saturating_add(1))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over")]
fn invalid(error: JiterError) -> RequestError {
    RequestError::InvalidJson { at: error.index }
}

/// A number without the zeros that end its fraction: `1.50` is `1.5`, `1.0` is `1`.
fn shortest(digits: &[u8]) -> &[u8] {
    if !digits.contains(&b'.') || digits.iter().any(|digit| matches!(digit, b'e' | b'E')) {
        return digits;
    }
    let zeros = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    let shorter = digits.get(..digits.len().saturating_sub(zeros)).unwrap_or(digits);
    shorter.strip_suffix(b".").unwrap_or(shorter)
}
