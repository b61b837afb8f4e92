//! Where a request goes: the decision, the models that can take it in their order and why not the others, and the plan that is
//! made of it all. Pure: used by the filter and by `arbiter score` alike.

pub mod attempt;
pub mod candidates;
pub mod credentials;
pub mod decision;
pub mod escalation;
pub mod fitness;
pub mod plan;
pub mod ruling;
pub mod stay;
pub mod unscored;

pub use attempt::{Attempt, Failure};
pub use candidates::{Candidates, NoCandidate};
pub use credentials::Credentials;
pub use decision::{AUTO, Decision, Reason, Target, decide};
pub use escalation::Escalation;
pub use fitness::Unfit;
pub use plan::{Forward, Plan, Premises, StoredReply, plan};
pub use ruling::{Circumstances, Ruling, Step};
pub use unscored::{Unscored, unscored};
