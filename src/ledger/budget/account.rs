//! The account of one holder of a budget: what is spent, and what is reserved for calls under way.

/// The layout of the encoding.
const VERSION: u8 = 2;
/// Longest name of a holder that is kept, in bytes; longer ones are cut and told apart by their hash.
const MAX_NAME: usize = 64;
/// Most bytes of all that the encoding has besides sums.
const FIXED_BYTES: u64 = 50 + MAX_NAME as u64;

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
    /// The window that is now: the start of one of the calendar, in seconds since the Unix epoch; the number of a slot of a rolling one.
    window: u64,
    /// What was spent, by the windows that count; each stands where its remainder is.
    spent: Vec<u64>,
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
    pub(super) fn most_bytes(slots: usize) -> u64 {
        let slots = u64::try_from(slots).unwrap_or(u64::MAX).saturating_mul(8);
        slots.saturating_add(FIXED_BYTES)
    }

    /// A new one, which keeps so many sums.
    pub(super) fn of(holder: &str, slots: usize) -> Self {
        let end = holder.floor_char_boundary(MAX_NAME);
        let name = holder.get(..end).unwrap_or_default().to_owned();
        Self { id: id(holder), name, spent: vec![0; slots.max(1)], ..Self::default() }
    }

    /// Whether it is this holder's.
    pub(super) fn is_of(&self, holder: &str) -> bool {
        self.id == id(holder)
    }

    /// What is spent.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.spent.iter().fold(0, |sum, spent| sum.saturating_add(*spent))
    }

    /// What is spent and reserved.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.reserved.iter().fold(self.spent(), |sum, reserved| sum.saturating_add(*reserved))
    }

    /// What was spent in each window that counts, the oldest first, and the window from which on it does not.
    pub(super) fn leaving(&self) -> impl Iterator<Item = (u64, u64)> {
        let slots = self.slots();
        (1..=slots).map(move |step| {
            let until = self.window.saturating_add(step);
            (self.spent.get(self.slot(until)).copied().unwrap_or_default(), until)
        })
    }

    fn slots(&self) -> u64 {
        u64::try_from(self.spent.len()).unwrap_or(u64::MAX).max(1)
    }

    /// Where the sum of a window stands.
    fn slot(&self, window: u64) -> usize {
        usize::try_from(window.checked_rem(self.slots()).unwrap_or_default()).unwrap_or_default()
    }

    /// Brings it to a moment: a window that has ended takes along what was spent in it, a generation what was reserved.
    pub(super) fn advance(&mut self, to: Moment) {
        // Clocks of workers differ by little: what is written later holds.
        let ended = to.window.saturating_sub(self.window);
        for step in 1..=ended.min(self.slots()) {
            let slot = self.slot(self.window.saturating_add(step));
            if let Some(spent) = self.spent.get_mut(slot) {
                *spent = 0;
            }
        }
        self.window = self.window.max(to.window);
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
        self.window.saturating_add(self.slots()) <= at.window
            && self.generation.saturating_add(1) < at.generation
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
        let slot = self.slot(self.window);
        if let Some(sum) = self.spent.get_mut(slot) {
            *sum = sum.saturating_add(spent);
        }
    }

    fn reserved_in(&mut self, generation: u64, change: impl FnOnce(&mut u64)) {
        let [even, odd] = &mut self.reserved;
        change(if generation.is_multiple_of(2) { even } else { odd });
    }

    /// As bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.id);
        bytes.push(u8::try_from(self.spent.len()).unwrap_or(u8::MAX));
        let numbers = [self.window, self.reserved[0], self.reserved[1], self.generation];
        for number in numbers.iter().chain(self.spent.iter().take(u8::MAX.into())) {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.name.as_bytes());
        bytes
    }

    /// From bytes; `None` when they are no account.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (slots, mut rest) = rest.split_first()?;
        let mut number = || {
            let (bytes, others) = rest.split_first_chunk::<8>()?;
            rest = others;
            Some(u64::from_le_bytes(*bytes))
        };
        let (window, even, odd, generation) = (number()?, number()?, number()?, number()?);
        let spent = (0..*slots).map(|_| number()).collect::<Option<Vec<u64>>>()?;
        let name = std::str::from_utf8(rest).ok()?.to_owned();
        (*version == VERSION && !spent.is_empty()).then_some(Self {
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
