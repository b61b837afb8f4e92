//! How far a tenant's semantic hits are trusted, by what audits and reports have shown: in shared data, so that all workers trust alike.

use super::super::tag::TenantTag;
use crate::host::{HostError, SharedData};

/// Cells that tenants are spread over. Those of one cell are trusted alike.
const CELLS: u32 = 1024;
/// First byte of a cell; another one means another format.
const FORMAT: u8 = 1;
/// Answers that must have differed before a share of them says anything.
const FEWEST: u32 = 3;
/// Answers that are remembered; of more, the older half counts half.
const MOST: u32 = 256;
/// Halvings of the share that may be answered wrongly. After the last one nothing is served.
const MOST_TIGHTENED: u8 = 5;
/// How often a change is tried before it is given up.
const TRIES: usize = 4;
/// Quantile of the normal distribution: with 95 %, the true share is above the bound that it gives.
const CONFIDENCE: f64 = 1.645;

/// What was promised, and what follows when it is not kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trust {
    /// The share of near misses, 0..=1, that the policy allows to be answered wrongly.
    pub max_false_hits: f64,
    /// The share of hits, 0..=1, whose fresh answer may differ.
    pub max_disagreement: f64,
}

/// What is known of a tenant's hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Standing {
    checked: u32,
    disagreed: u32,
    /// How often the share was halved.
    tightened: u8,
}

/// What follows from one more answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// Nothing.
    Kept,
    /// From now on fewer may be answered wrongly.
    Tightened,
}

impl Trust {
    /// The share of near misses that may be answered wrongly for this tenant.
    pub(super) fn max_false_hits<H: SharedData>(&self, host: &H, tenant: TenantTag) -> f64 {
        match self.decode(&host.shared_data(&name(tenant)).value).tightened {
            MOST_TIGHTENED.. => 0.0,
            tightened => self.max_false_hits / f64::from(1_u32.wrapping_shl(tightened.into())),
        }
    }

    /// Takes note of whether the answer of a hit was what a provider says.
    pub(super) fn note<H: SharedData>(&self, host: &H, tenant: TenantTag, agrees: bool) -> Noted {
        let name = name(tenant);
        for _ in 0..TRIES {
            let shared = host.shared_data(&name);
            let mut standing = self.decode(&shared.value);
            let noted = standing.note(agrees, self.max_disagreement);
            match host.set_shared_data(&name, &self.encode(standing), shared.cas) {
                Ok(()) => return noted,
                Err(HostError::CasMismatch) => {}
                Err(HostError::Status(_)) => break,
            }
        }
        Noted::Kept
    }

    fn encode(&self, Standing { checked, disagreed, tightened }: Standing) -> Vec<u8> {
        let mut value = vec![FORMAT];
        value.extend_from_slice(&self.max_false_hits.to_le_bytes());
        value.extend_from_slice(&self.max_disagreement.to_le_bytes());
        value.extend_from_slice(&checked.to_le_bytes());
        value.extend_from_slice(&disagreed.to_le_bytes());
        value.push(tightened);
        value
    }

    /// What is known; nothing if it was found under another policy.
    fn decode(&self, value: &[u8]) -> Standing {
        let read = || {
            let rest = value.strip_prefix(self.encode(Standing::default()).get(..17)?)?;
            let (checked, rest) = rest.split_first_chunk()?;
            let (disagreed, rest) = rest.split_first_chunk()?;
            let (checked, disagreed) = (u32::from_le_bytes(*checked), u32::from_le_bytes(*disagreed));
            Some(Standing { checked, disagreed, tightened: *rest.first()? })
        };
        read().unwrap_or_default()
    }
}

impl Standing {
    fn note(&mut self, agrees: bool, limit: f64) -> Noted {
        if self.checked >= MOST {
            self.checked /= 2;
            self.disagreed /= 2;
        }
        self.checked = self.checked.saturating_add(1);
        self.disagreed = self.disagreed.saturating_add(u32::from(!agrees));
        if agrees || self.disagreed < FEWEST || self.least_share() <= limit {
            return Noted::Kept;
        }
        let tightened = self.tightened.saturating_add(1).min(MOST_TIGHTENED);
        *self = Self { tightened, ..Self::default() };
        Noted::Tightened
    }

    /// The lower end of the Wilson score interval of the share that differed.
    fn least_share(self) -> f64 {
        let (count, share) = (f64::from(self.checked), f64::from(self.disagreed) / f64::from(self.checked));
        let square = CONFIDENCE * CONFIDENCE;
        let spread = (share * (1.0 - share) / count + square / (4.0 * count * count)).sqrt();
        (share + square / (2.0 * count) - CONFIDENCE * spread) / (1.0 + square / count)
    }
}

fn name(TenantTag(tag): TenantTag) -> String {
    format!("arbiter.semantic.trust.{}", u32::from_le_bytes(tag).checked_rem(CELLS).unwrap_or_default())
}

/// A share of hits, taken evenly.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Audits {
    share: f64,
    due: f64,
}

impl Audits {
    pub(super) fn new(share: f64) -> Self {
        Self { share, due: 0.0 }
    }

    /// Whether the next hit is one of them.
    pub(super) fn is_due(&mut self) -> bool {
        self.due += self.share;
        let is_due = self.due >= 1.0;
        if is_due {
            self.due -= 1.0;
        }
        is_due
    }
}

/// Most bytes of shared data that standings take.
pub(super) const BOUND: u64 = CELLS as u64 * (26 + 128);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::MemoryHost;

    const TENANT: TenantTag = TenantTag([1, 0, 0, 0]);
    const OTHER: TenantTag = TenantTag([2, 0, 0, 0]);
    const TRUST: Trust = Trust { max_false_hits: 0.04, max_disagreement: 0.1 };

    /// Notes so many answers, of which every `nth` differs; returns how often that tightened.
    fn note(host: &MemoryHost, answers: u32, nth: u32) -> usize {
        let noted = (1..=answers).map(|number| TRUST.note(host, TENANT, number % nth != 0));
        noted.filter(|noted| *noted == Noted::Tightened).count()
    }

    #[test]
    fn what_is_promised_is_kept_up_as_long_as_answers_agree() {
        let host = MemoryHost::default();
        assert_eq!(note(&host, 2000, 20), 0, "5 % differ, 10 % may");
        assert_eq!(TRUST.max_false_hits(&host, TENANT), 0.04);
    }

    #[test]
    fn each_time_too_many_differ_half_as_many_may_be_wrong_until_none_is_served() {
        let host = MemoryHost::default();
        let mut shares = Vec::new();
        for _ in 0..6 {
            let before = TRUST.max_false_hits(&host, TENANT);
            while TRUST.max_false_hits(&host, TENANT) >= before && note(&host, 3, 1) == 0 {}
            shares.push(TRUST.max_false_hits(&host, TENANT));
        }
        assert_eq!(shares, [0.02, 0.01, 0.005, 0.0025, 0.0, 0.0]);
        assert_eq!(TRUST.max_false_hits(&host, OTHER), 0.04, "it is this tenant's alone");
    }

    #[test]
    fn one_or_two_answers_say_nothing_and_many_say_it_soon() {
        let host = MemoryHost::default();
        assert_eq!(note(&host, 2, 1), 0);
        assert_eq!(note(&host, 1, 1), 1);
        let host = MemoryHost::default();
        assert!(note(&host, 300, 5) > 0, "20 % differ, 10 % may");
    }

    #[test]
    fn another_promise_begins_anew() {
        let host = MemoryHost::default();
        note(&host, 3, 1);
        let stricter = Trust { max_false_hits: 0.01, ..TRUST };
        assert_eq!(stricter.max_false_hits(&host, TENANT), 0.01);
    }

    #[test]
    fn audits_are_a_share_of_the_hits() {
        let mut audits = Audits::new(0.02);
        assert_eq!((0..1000).filter(|_| audits.is_due()).count(), 20);
        let mut none = Audits::new(0.0);
        assert!(!(0..1000).any(|_| none.is_due()));
        let mut all = Audits::new(1.0);
        assert!((0..10).all(|_| all.is_due()));
    }

    #[test]
    fn memory_stays_within_its_bound() {
        let host = MemoryHost::default();
        for tag in 0..100_000_u32 {
            TRUST.note(&host, TenantTag(tag.to_le_bytes()), true);
        }
        assert!(u64::try_from(host.shared_bytes()).unwrap() <= BOUND);
    }
}
