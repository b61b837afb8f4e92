//! From complexity and constraints to a target.

use super::{ModelId, TierId};

/// Where a request goes, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Where it goes.
    pub target: Target,
    /// The model that is asked first.
    pub model: ModelId,
    /// Why.
    pub reason: Reason,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The models of a tier, in failover order.
    Tier(TierId),
    /// One model that the caller named.
    Model(ModelId),
}

/// Why a target was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The cheapest tier that handles the complexity.
    Complexity,
    /// The caller's model was honored.
    Requested,
    /// The caller's model capped the tier.
    Capped,
}
