//! The account of one holder of a budget: what is spent in this window, and what is reserved for calls under way.

/// The layout of the encoding.
const VERSION: u8 = 1;
/// Longest name of a holder that is kept, in bytes; longer ones are cut and told apart by their hash.
const MAX_NAME: usize = 64;

/// An account.
///
/// Reservations of calls that never end, because their worker has gone, must not count for ever. Time is cut into generations, each at least
/// as long as the longest call; what was reserved in one counts in that and the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// First half of the BLAKE3 of the holder.
    id: [u8; 16],
    /// The holder, or its beginning.
    pub name: String,
    /// Start of the window that `spent` is of, in seconds since the Unix epoch.
    window: u64,
    /// What was spent in it.
    pub spent: u64,
    /// What is reserved, by the parity of generations.
    reserved: [u64; 2],
    generation: u64,
}

/// The window and the generation of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) window: u64,
    pub(super) generation: u64,
}

impl Account {
    /// Most bytes of the encoding.
    pub(super) const MAX_BYTES: u64 = 57 + MAX_NAME as u64;

    /// A new one.
    pub(super) fn of(holder: &str) -> Self {
        let end = holder.floor_char_boundary(MAX_NAME);
        let name = holder.get(..end).unwrap_or_default().to_owned();
        Self { id: id(holder), name, ..Self::default() }
    }

    /// Whether it is this holder's.
    pub(super) fn is_of(&self, holder: &str) -> bool {
        self.id == id(holder)
    }

    /// What is spent and reserved.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.reserved.iter().fold(self.spent, |sum, reserved| sum.saturating_add(*reserved))
    }

    /// Brings it to a moment: a window that has ended takes along what was spent in it, a generation what was reserved.
    pub(super) fn advance(&mut self, to: Moment) {
        // Clocks of workers differ by little: what is written later holds.
        if to.window > self.window {
            self.window = to.window;
            self.spent = 0;
        }
        let passed = to.generation.saturating_sub(self.generation);
        if passed > 0 {
            self.generation = to.generation;
            self.reserved_in(to.generation, |reserved| *reserved = 0);
        }
        if passed > 1 {
            self.reserved = [0; 2];
        }
    }

    /// Whether nothing in it counts any more.
    pub(super) fn is_idle(&self, at: Moment) -> bool {
        self.window < at.window && self.generation.saturating_add(1) < at.generation
    }

    /// Reserves an amount; the generation that it is reserved in.
    pub(super) fn reserve(&mut self, amount: u64) -> u64 {
        self.reserved_in(self.generation, |reserved| *reserved = reserved.saturating_add(amount));
        self.generation
    }

    /// Gives back what was `reserved` in a generation, and books what was `spent`.
    pub(super) fn settle(&mut self, generation: u64, reserved: u64, spent: u64) {
        if generation.saturating_add(1) >= self.generation {
            self.reserved_in(generation, |held| *held = held.saturating_sub(reserved));
        }
        self.spent = self.spent.saturating_add(spent);
    }

    fn reserved_in(&mut self, generation: u64, change: impl FnOnce(&mut u64)) {
        let [even, odd] = &mut self.reserved;
        change(if generation.is_multiple_of(2) { even } else { odd });
    }

    /// As bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.id);
        for number in [self.window, self.spent, self.reserved[0], self.reserved[1], self.generation] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.name.as_bytes());
        bytes
    }

    /// From bytes; `None` when they are no account.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (id, mut rest) = rest.split_first_chunk::<16>()?;
        let mut numbers = [0; 5];
        for number in &mut numbers {
            let (bytes, others) = rest.split_first_chunk::<8>()?;
            *number = u64::from_le_bytes(*bytes);
            rest = others;
        }
        let [window, spent, even, odd, generation] = numbers;
        let name = std::str::from_utf8(rest).ok()?.to_owned();
        (*version == VERSION).then_some(Self {
            id: *id,
            name,
            window,
            spent,
            reserved: [even, odd],
            generation,
        })
    }
}

fn id(holder: &str) -> [u8; 16] {
    let hash: [u8; 32] = blake3::hash(holder.as_bytes()).into();
    hash.first_chunk().copied().unwrap_or_default()
}
