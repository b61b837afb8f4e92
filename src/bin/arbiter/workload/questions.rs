//! What is asked, and about what.

use serde_json::{Value, json};

use super::dice::Dice;

/// Simple questions, each in several wordings; `{}` stands for a subject.
const SIMPLE: [&[&str]; 12] = [
    &["How do I clean the {}?", "What is the best way to clean the {}?", "How should I clean the {}?"],
    &[
        "How long is the warranty on the {}?",
        "What is the warranty period of the {}?",
        "For how long is the {} under warranty?",
    ],
    &[
        "Where can I find the manual for the {}?",
        "Where is the manual of the {}?",
        "Where do I get the {} manual?",
    ],
    &["How much does the {} weigh?", "What is the weight of the {}?", "What does the {} weigh?"],
    &["Can I return the {}?", "Is it possible to return the {}?", "Am I able to return the {}?"],
    &["How do I reset the {}?", "What do I do to reset the {}?", "How can I reset the {}?"],
    &[
        "What colours does the {} come in?",
        "Which colours is the {} available in?",
        "In what colours can I get the {}?",
    ],
    &[
        "How much power does the {} use?",
        "What is the power consumption of the {}?",
        "How much electricity does the {} need?",
    ],
    &[
        "Is the {} dishwasher safe?",
        "Can the {} go into the dishwasher?",
        "May I put the {} in the dishwasher?",
    ],
    &[
        "Write a short greeting for buyers of the {}.",
        "Write a brief greeting to people who bought the {}.",
        "Draft a short welcome note for {} buyers.",
    ],
    &[
        "Translate \"thank you for buying the {}\" into German.",
        "How do you say \"thank you for buying the {}\" in German?",
        "What is \"thank you for buying the {}\" in German?",
    ],
    &[
        "Summarize in one sentence what the {} is for.",
        "In one sentence, what is the {} for?",
        "Say in one sentence what the {} does.",
    ],
];

/// Hard ones.
const HARD: [&str; 8] = [
    "Analyze step by step why sales of the {} fell in the third quarter although traffic grew by 12 %, weigh three hypotheses against each other, and propose an experiment that tells them apart.",
    "Here is a function that schedules deliveries of the {}. Find the race condition, prove that it can deadlock, and rewrite it:\n\n```rust\nfn schedule(queue: &Mutex<Vec<Order>>, log: &Mutex<Log>) {\n    let orders = queue.lock().unwrap();\n    for order in orders.iter() {\n        let mut log = log.lock().unwrap();\n        log.push(order.id);\n        dispatch(order, queue);\n    }\n}\n```",
    "Derive the expected cost of the warranty on the {} if failures follow a Weibull distribution with shape 1.7 and scale 6 years, discounting at 4 % a year, and explain every step of the integral.",
    "Design the data model and the API of a service that recalls faulty units of the {}, with idempotency, audit and partial failures, compare two consistency models, and justify the trade-offs.",
    "Compare the legal obligations of a seller of the {} in Germany, France and California when a recall is announced, with the statutes that apply, and draft the notice for each.",
    "Refactor this SQL that computes margins of the {} so that it runs in one pass, prove that the result is the same, and estimate its complexity:\n\n```sql\nSELECT p.id, (SELECT SUM(o.total) FROM orders o WHERE o.product = p.id) - (SELECT SUM(c.cost) FROM costs c WHERE c.product = p.id) AS margin FROM products p WHERE EXISTS (SELECT 1 FROM orders o WHERE o.product = p.id AND o.day > NOW() - INTERVAL '90 days');\n```",
    "Plan the migration of the {} firmware from a superloop to an RTOS: enumerate the tasks with their deadlines, do the schedulability analysis, and list the risks with mitigations.",
    "Prove or refute: a queue of repairs of the {} that serves the shortest job first minimizes the mean waiting time even when jobs arrive while others are served. Give a counterexample if it does not.",
];

/// How people go on.
const FOLLOW_UPS: [&str; 6] = [
    "And if that does not help?",
    "Can you say that in simpler words?",
    "How long will that take?",
    "What do I need for it?",
    "Thanks. What should I do next?",
    "Is there a cheaper way?",
];

const KINDS: [&str; 14] = [
    "toaster",
    "kettle",
    "blender",
    "coffee grinder",
    "espresso machine",
    "rice cooker",
    "stand mixer",
    "waffle iron",
    "slow cooker",
    "air fryer",
    "food processor",
    "juicer",
    "ice cream maker",
    "bread maker",
];
const MODELS: [&str; 10] = ["K20", "K35", "M100", "M200", "Pro 5", "Pro 9", "Mini", "Duo", "S1", "X4"];

/// Variants of each.
const VARIANTS: usize = 40;

/// Which part of the questions is hard.
const HARD_SHARE: f64 = 0.18;

/// A question.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// As it is asked.
    pub(super) text: String,
    /// Which of the simple ones it is, and about what; nothing for one that has one wording.
    simple: Option<(usize, String)>,
    /// Whether its answer is long.
    is_hard: bool,
}

impl Question {
    /// One that may have been asked before, by chance.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let (kind, model) = (dice.one_of(&KINDS), dice.one_of(&MODELS));
        let subject =
            format!("{} {}-{:02}", kind.unwrap_or_default(), model.unwrap_or_default(), dice.below(VARIANTS));
        if dice.part() < HARD_SHARE {
            let text = dice.one_of(&HARD).unwrap_or_default().replace("{}", &subject);
            return Self { text, simple: None, is_hard: true };
        }
        let which = dice.below(SIMPLE.len());
        Self::worded(dice, which, subject)
    }

    /// The same in words that may be others.
    pub(super) fn rephrased(&self, dice: &mut Dice) -> Self {
        match &self.simple {
            Some((which, subject)) => Self::worded(dice, *which, subject.clone()),
            None => self.clone(),
        }
    }

    /// What is asked on.
    pub(super) fn follow_up(dice: &mut Dice) -> Self {
        let text = dice.one_of(&FOLLOW_UPS).unwrap_or_default().to_owned();
        Self { text, simple: None, is_hard: false }
    }

    fn worded(dice: &mut Dice, which: usize, subject: String) -> Self {
        let wordings = SIMPLE.get(which).copied().unwrap_or_default();
        let text = dice.one_of(wordings).unwrap_or_default().replace("{}", &subject);
        Self { text, simple: Some((which, subject)), is_hard: false }
    }

    /// What a model might say: as long as such answers are.
    pub(super) fn answer(&self) -> String {
        let sentence =
            "This is what the documentation says about it, in the words of the person who wrote it. ";
        sentence.repeat(if self.is_hard { 28 } else { 4 })
    }
}

/// What programs let models call.
pub(super) fn tool() -> Value {
    json!({"type": "function", "function": {
        "name": "find_order", "description": "Finds an order by its number.",
        "parameters": {"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]}
    }})
}
