//! What has saved money.

use super::{Bill, Prices};
use crate::chat::Usage;
use crate::chat::usage::ServiceTier;

/// What has saved money against the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A cheaper model was asked.
    Routing,
    /// The same request had been answered before.
    Exact,
    /// A request that asks for the same had been answered before.
    Semantic,
    /// The same request was on its way.
    Coalescing,
    /// The policy has put the call into a cheaper lane.
    ServiceTier,
    /// The policy has kept the conversation where its prompt is kept.
    PromptCache,
}

/// What the policy has done beside choosing a model that makes a call cheaper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Thrift {
    /// It has put the call into a cheaper lane.
    pub service_tier: bool,
    /// It has kept the conversation where its prompt is kept.
    pub prompt_cache: bool,
}

impl Cause {
    /// Its name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Routing => "routing",
            Self::Exact => "exact",
            Self::Semantic => "semantic",
            Self::Coalescing => "coalescing",
            Self::ServiceTier => "service_tier",
            Self::PromptCache => "prompt_cache",
        }
    }
}

impl Thrift {
    /// The same tokens in the lane that the caller had asked for.
    pub(super) fn undone(self, usage: &Usage) -> Usage {
        let is_moved = self.service_tier && usage.service_tier == Some(ServiceTier::Flex);
        Usage { service_tier: usage.service_tier.filter(|_| !is_moved), ..*usage }
    }

    /// Shares out what a paid call has saved, in nano-dollars, among its causes; together they are all of it, and none has saved less
    /// than nothing. What tokens of `model` cost less for the lane and for the prompt cache is theirs, all else is routing's.
    #[must_use]
    pub fn shares(self, bill: &Bill, usage: &Usage, model: &Prices) -> [(Cause, u64); 3] {
        let mut left = u64::try_from(bill.saved()).unwrap_or_default();
        let mut take = |is_due: bool, otherwise: &Usage| {
            let due = model.cost(otherwise).0.saturating_sub(model.cost(usage).0);
            let share = if is_due { due.min(left) } else { 0 };
            left = left.saturating_sub(share);
            share
        };
        let lane = take(self.service_tier, &self.undone(usage));
        let kept = take(self.prompt_cache, &Usage { cached_input: 0, ..*usage });
        [(Cause::ServiceTier, lane), (Cause::PromptCache, kept), (Cause::Routing, left)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Factor, NanoDollars, PriceList, Rates};

    fn prices(input: f64, output: f64) -> Prices {
        let list = PriceList {
            input,
            cached_input: Some(input / 10.0),
            cache_write: None,
            cache_write_1h: None,
            output,
        };
        let base = Rates::from_usd_per_million(&list).unwrap();
        Prices { base, long_context: None, flex: Factor::new("flex", 0.5).unwrap(), priority: Factor::ONE }
    }

    fn usage() -> Usage {
        let tokens = Usage { input: 1000, cached_input: 800, output: 100, ..Usage::default() };
        Usage { service_tier: Some(ServiceTier::Flex), ..tokens }
    }

    #[test]
    fn all_is_routings_where_the_policy_has_done_nothing_else() {
        let (model, baseline) = (prices(1.0, 4.0), prices(10.0, 40.0));
        let bill = Bill::paid(&usage(), &model, &baseline, Thrift::default());
        let shares = Thrift::default().shares(&bill, &usage(), &model);
        assert_eq!(shares[2], (Cause::Routing, u64::try_from(bill.saved()).unwrap()));
        assert_eq!((shares[0].1, shares[1].1), (0, 0));
    }

    #[test]
    fn shares_are_all_that_was_saved() {
        let (model, baseline) = (prices(1.0, 4.0), prices(10.0, 40.0));
        let thrift = Thrift { service_tier: true, prompt_cache: true };
        let bill = Bill::paid(&usage(), &model, &baseline, thrift);
        let shares = thrift.shares(&bill, &usage(), &model);
        let sum: u64 = shares.iter().map(|(_, share)| share).sum();
        assert_eq!(i64::try_from(sum).unwrap(), bill.saved());
        // Half of 200 + 80 + 400 micro-dollars; nine tenths of 800 tokens, at half the price.
        assert_eq!((shares[0].1, shares[1].1), (340_000, 360_000));
    }

    #[test]
    fn a_call_that_cost_more_has_saved_nothing() {
        let bill = Bill { cost: NanoDollars(10), baseline: NanoDollars(5) };
        let thrift = Thrift { service_tier: true, prompt_cache: true };
        let shares = thrift.shares(&bill, &usage(), &prices(1.0, 4.0));
        assert!(shares.iter().all(|(_, share)| *share == 0));
    }
}
