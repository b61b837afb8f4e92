//! Server-sent events (WHATWG HTML, "Server-sent events"): a machine over bytes that knows nothing of what they mean.

/// Longest event that is read, in bytes of its data; a longer one is passed over.
pub(super) const MAX_EVENT: usize = 1 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A complete event.
#[derive(Debug, PartialEq, Eq)]
pub struct Event<'d> {
    /// Its `data` lines, joined by line breaks; empty when it had none or was longer than what is read.
    pub data: &'d [u8],
    /// Whether it was longer than what is read.
    pub is_oversized: bool,
    /// Offset of the first byte after it in the bytes that were fed last.
    pub end: usize,
}

/// Reads a stream of events, split anywhere.
#[derive(Debug, Default)]
pub struct EventReader {
    /// The line that has no end yet.
    line: Vec<u8>,
    /// Data of the event that has no end yet.
    data: Vec<u8>,
    has_data: bool,
    oversized: bool,
    /// The last byte fed was a CR: a LF that follows belongs to it.
    after_cr: bool,
    started: bool,
}

impl EventReader {
    /// Reads `bytes` and hands each event that ends in them to `each`.
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(Event<'_>)) {
        let mut rest = bytes;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(length) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let Some((line, terminated)) = rest.split_at_checked(length) else { return };
            let after = terminated.strip_prefix(b"\r\n").or_else(|| terminated.get(1..)).unwrap_or_default();
            self.after_cr = terminated == b"\r";
            rest = after;
            let end = bytes.len().saturating_sub(rest.len());
            if self.line.is_empty() {
                self.take_line(line, end, &mut each);
            } else {
                self.keep(line);
                let line = std::mem::take(&mut self.line);
                self.take_line(&line, end, &mut each);
            }
        }
        self.keep(rest);
    }

    /// Whether all that has come so far are whole events.
    #[must_use]
    pub fn is_between_events(&self) -> bool {
        self.line.is_empty() && !self.has_data && !self.oversized
    }

    fn keep(&mut self, part: &[u8]) {
        if self.line.len().saturating_add(part.len()) > MAX_EVENT {
            self.oversized = true;
            // One byte stays, so that the line is still seen to be one.
            self.line.truncate(1);
            if self.line.is_empty() {
                self.line.push(b':');
            }
        } else {
            self.line.extend_from_slice(part);
        }
    }

    fn take_line(&mut self, line: &[u8], end: usize, each: &mut impl FnMut(Event<'_>)) {
        let line = if std::mem::replace(&mut self.started, true) {
            line
        } else {
            line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line)
        };
        if line.is_empty() {
            let data = if self.oversized { &[] } else { self.data.as_slice() };
            each(Event { data, is_oversized: self.oversized, end });
            self.data.clear();
            self.has_data = false;
            self.oversized = false;
        } else if let Some(value) = line.strip_prefix(b"data") {
            match value.split_first() {
                None => self.append(&[]),
                Some((b':', value)) => self.append(value.strip_prefix(b" ").unwrap_or(value)),
                Some(_) => {}
            }
        }
    }

    fn append(&mut self, value: &[u8]) {
        if self.data.len().saturating_add(value.len()) > MAX_EVENT {
            self.oversized = true;
            return;
        }
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(chunks: &[&[u8]]) -> Vec<String> {
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        for chunk in chunks {
            reader.feed(chunk, |event| events.push(String::from_utf8(event.data.to_vec()).unwrap()));
        }
        events
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        let cases: [(&str, &str, &[&str]); 9] = [
            ("line feeds", "data: a\n\ndata: b\n\n", &["a", "b"]),
            ("carriage returns", "data: a\r\rdata: b\r\r", &["a", "b"]),
            ("both", "data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"]),
            ("several lines", "data: a\ndata: b\ndata\n\n", &["a\nb\n"]),
            ("no blank after the colon", "data:a\ndata:  b\n\n", &["a\n b"]),
            ("comments and other fields", ": hi\nevent: x\nid: 1\ndatax: n\ndata: a\n\n", &["a"]),
            ("a byte order mark", "\u{feff}data: a\n\n", &["a"]),
            ("an event without end", "data: a\n\ndata: b\n", &["a"]),
            ("text of all languages", "data: é漢😀\n\n", &["é漢😀"]),
        ];
        for (name, text, events) in cases {
            assert_eq!(read(&[text.as_bytes()]), events, "{name}");
            for at in 0..=text.len() {
                let (head, tail) = text.as_bytes().split_at(at);
                assert_eq!(read(&[head, tail]), events, "{name}, split at {at}");
            }
            let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            assert_eq!(read(&bytes), events, "{name}, byte by byte");
        }
    }

    #[test]
    fn the_end_of_an_event_is_where_the_next_one_begins() {
        let text = b"data: a\n\n: c\ndata: b\r\n\r\nrest";
        let mut ends = Vec::new();
        EventReader::default().feed(text, |event| ends.push(event.end));
        assert_eq!(ends, [9, 24]);
    }

    #[test]
    fn an_endless_event_takes_bounded_memory_and_does_no_harm_to_the_next() {
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        let mut feed =
            |bytes: &[u8]| reader.feed(bytes, |event| events.push((event.data.to_vec(), event.is_oversized)));
        for _ in 0..40 {
            feed(&[b'x'; 100_000]);
        }
        feed(b"\n\ndata: a\n\n");
        assert_eq!(events, [(b"".to_vec(), true), (b"a".to_vec(), false)]);
        assert!(reader.line.capacity() <= 2 * MAX_EVENT);
    }
}
