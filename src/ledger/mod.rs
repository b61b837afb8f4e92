//! What a call cost, and what it would have cost.

pub mod budget;
mod cause;
mod money;
mod prices;

pub use cause::{Cause, Thrift};
pub use money::NanoDollars;
pub use prices::{Factor, LongContext, PriceError, PriceList, Prices, Rates};

use crate::chat::Usage;

/// The bill of one answered call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bill {
    /// What the model that answered cost; nothing for a cache hit.
    pub cost: NanoDollars,
    /// What the baseline model would have cost for the same tokens.
    pub baseline: NanoDollars,
}

impl Bill {
    /// The bill for tokens that a provider was paid for. Without the policy's `thrift` they would have gone to the baseline in its usual lane.
    #[must_use]
    pub fn paid(usage: &Usage, model: &Prices, baseline: &Prices, thrift: Thrift) -> Self {
        Self { cost: model.cost(usage), baseline: baseline.cost(&thrift.undone(usage)) }
    }

    /// The same with what attempts have cost that were given up.
    #[must_use]
    pub fn with_failed(self, failed: NanoDollars) -> Self {
        Self { cost: NanoDollars(self.cost.0.saturating_add(failed.0)), ..self }
    }

    /// The bill for an answer out of the cache, whose original took `usage`.
    #[must_use]
    pub fn hit(usage: &Usage, baseline: &Prices) -> Self {
        Self { cost: NanoDollars::default(), baseline: baseline.cost(usage) }
    }

    /// Saved against the baseline, in nano-dollars; negative when the call cost more than the baseline would have.
    #[must_use]
    pub fn saved(&self) -> i64 {
        let signed = |money: NanoDollars| i64::try_from(money.0).unwrap_or(i64::MAX);
        signed(self.baseline).saturating_sub(signed(self.cost))
    }
}
