#![allow(clippy::arithmetic_side_effects)]

use proptest::prelude::*;

use super::*;
use crate::complexity::Level;

const DEFAULT: Boundaries = Boundaries { medium: 0.3, high: 0.6 };

fn of_text(text: &str) -> Complexity {
    assess(DEFAULT, &Features::of(text), &Shape { messages: 1, user_messages: 1, ..Shape::default() })
}

fn of_shape(shape: Shape) -> Complexity {
    assess(DEFAULT, &Features::of("What about this one?"), &shape)
}

const PYTHON_TRACE: &str = "My script fails, can you debug it?\n```python\ndef load(path):\n    return json.load(open(path))\n```\n\
    Traceback (most recent call last):\n  File \"app.py\", line 3, in load\njson.decoder.JSONDecodeError: Expecting value";

#[test]
fn everyday_prompts_go_to_a_small_model() {
    for text in [
        "",
        "hi",
        "Prove",
        "debug",
        "Hello! How are you today?",
        "What is the capital of France?",
        "Why is the sky blue?",
        "Translate 'good morning' to Spanish, please.",
        "Write a haiku about autumn.",
        "Fix the typos in this sentence: I has went to the store yesterday.",
        "What time is it in Tokyo when it is 10:30 in London?",
        "Summarize this in one sentence: The meeting moved to Thursday because the room was taken.",
        "Give me a recipe for pancakes for 4 people.",
        "Write a Python function that reverses a string.",
        "What does HTTP stand for?",
        "How many ounces are in a pound?",
        "Schreibe mir bitte eine kurze Geburtstagskarte für meine Mutter.",
        "法国的首都是哪里？",
        "Is this review positive or negative? \"Great phone, but the battery died after two days.\"",
        "Suggest five names for a cat.",
    ] {
        let found = of_text(text);
        assert_eq!(found.level, Level::Low, "{text}: {found:?}");
    }
}

#[test]
fn real_work_needs_more_than_a_small_model() {
    for text in [
        "Implement a thread-safe LRU cache in Rust with a TTL for each entry.",
        "Prove that there are infinitely many primes.",
        "Refactor and optimize this function for me.",
        "```sql\nSELECT name FROM users WHERE age > 30;\n```\nWhat does this return?",
        "Compare REST, GraphQL and gRPC for a mobile backend and recommend one.",
        "Solve the differential equation y'' + 4y = sin(2x) and explain the first step, then the next.",
        "Write a detailed 2000 word essay: critically evaluate the causes of the French Revolution.",
        "1. Read the list. 2. Group it by city. 3. Sort each group by age. 4. Print the oldest of each. 5. Count them.",
    ] {
        let found = of_text(text);
        assert_eq!(found.level, Level::Medium, "{text}: {found:?}");
    }
}

#[test]
fn hard_work_goes_to_a_strong_model() {
    for text in [
        PYTHON_TRACE,
        "Design a distributed architecture for payments with strong consistency across regions, compare the tradeoffs of \
         consensus and replication, then plan the migration step by step without downtime.",
        "Analyze why this concurrent queue deadlocks, prove that your fix is correct, and optimize its throughput: \
         ```rust\nfn push(&self, v: T) { let a = self.head.lock(); let b = self.tail.lock(); }\n```",
        "Derive the asymptotic complexity of this recursive algorithm, prove it by induction, then implement an \
         optimized version in Python and compare both on a large dataset.",
    ] {
        let found = of_text(text);
        assert_eq!(found.level, Level::High, "{text}: {found:?}");
    }
}

#[test]
fn a_long_document_with_a_simple_instruction_is_medium() {
    let document =
        "The committee met on Tuesday and talked about the budget for the coming year. ".repeat(100);
    assert_eq!(of_text(&format!("Summarize this:\n{document}")).level, Level::Medium);
    let chinese = "委员会星期二开会讨论了明年的预算。".repeat(100);
    assert_eq!(of_text(&format!("请总结：{chinese}")).level, Level::Medium);
}

#[test]
fn a_document_that_mentions_everything_once_is_not_high_for_it() {
    let filler =
        "the garden was green and the people walked along the river until the evening came ".repeat(60);
    let text = format!(
        "Summarize: {filler} design plan database kernel memory first then theorem must proof {filler}"
    );
    let found = of_text(&text);
    assert_eq!(found.level, Level::Medium, "{found:?}");
}

#[test]
fn the_conversation_raises_an_innocent_question() {
    let base = Shape { messages: 1, user_messages: 1, ..Shape::default() };
    let tools = of_shape(Shape { tools: 10, ..base });
    assert_eq!((tools.level, tools.reasons), (Level::Low, vec![Signal::Tools]));
    let images = of_shape(Shape { images: 2, ..base });
    assert_eq!((images.level, images.reasons), (Level::Medium, vec![Signal::Images]));
    let agent =
        Shape { messages: 30, tools: 40, max_output_tokens: Some(64_000), system_bytes: 90_000, ..base };
    assert_eq!(of_shape(agent).level, Level::Low, "what an agent says of itself asks for little");
    let long = of_shape(Shape { user_messages: 12, history_bytes: 60_000, structured_output: true, ..agent });
    assert_eq!(long.level, Level::Medium, "{long:?}");
    assert_eq!(long.reasons, [Signal::History, Signal::StructuredOutput, Signal::Tools]);
    assert_eq!(of_shape(Shape { max_output_tokens: Some(u64::MAX), ..base }).reasons, [Signal::OutputSize]);
    assert_eq!(of_shape(base).level, Level::Low);
}

#[test]
fn the_reasons_name_what_was_found_strongest_first() {
    let found = of_text(PYTHON_TRACE);
    assert_eq!(found.reasons.first(), Some(&Signal::Code), "{found:?}");
    assert!(found.reasons.contains(&Signal::StackTrace), "{found:?}");
    let many = of_text("Who was there? What did they say? When did they leave? Where did they go?");
    assert_eq!(many.reasons, [Signal::Questions]);
}

#[test]
fn boundaries_of_the_policy_move_the_levels() {
    let text = "Implement a thread-safe LRU cache in Rust with a TTL for each entry.";
    let with =
        |medium, high| assess(Boundaries { medium, high }, &Features::of(text), &Shape::default()).level;
    assert_eq!(with(0.9, 1.0), Level::Low);
    assert_eq!(with(0.01, 0.02), Level::High);
    let score = of_text(text).score;
    assert_eq!(with(score, 1.0), Level::Medium, "a boundary belongs to the upper level");
}

#[test]
fn an_instruction_at_the_end_of_a_huge_text_is_seen() {
    let noise = "lorem ipsum ".repeat(100_000);
    let traced = of_text(&format!("{noise} Traceback KeyError IndexError ```x```"));
    assert!(
        traced.reasons.contains(&Signal::StackTrace) && traced.reasons.contains(&Signal::Code),
        "{traced:?}"
    );
    assert_eq!(of_text(&noise).reasons, [Signal::Length]);
}

/// Prompts made of pieces that carry signals, with single blanks between them.
fn prompts() -> impl Strategy<Value = String> {
    let pieces = [
        "debug",
        "analyze",
        "the",
        "list",
        "prove",
        "that",
        "1.",
        "2.",
        "3.",
        "why?",
        "```",
        "a",
        "b;",
        "x={y}",
        "rust",
        "main.rs:42",
        "KeyError",
        "first",
        "then",
        "must",
        "\\frac",
        "1000",
        "words",
        "detailed",
        "don't",
        "wo_rd",
        "(2)",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 2..60)
        .prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn any_text_and_shape_has_a_score_from_0_to_1(
        text: String, tools: u32, images: u32, user_messages: u32, history_bytes: u32, max_output_tokens: Option<u64>,
    ) {
        let shape = Shape { tools, images, user_messages, history_bytes, max_output_tokens, ..Shape::default() };
        let found = assess(DEFAULT, &Features::of(&text), &shape);
        prop_assert!((0.0..=1.0).contains(&found.score));
        prop_assert_eq!(found.level, DEFAULT.level(found.score));
    }

    #[test]
    fn a_huge_text_of_any_script_is_scored(c: char, filler in 0..4_usize) {
        let text = format!("{}{}", "x".repeat(filler), String::from(c).repeat(30_000));
        prop_assert!((0.0..=1.0).contains(&of_text(&text).score));
    }

    #[test]
    fn one_word_is_low(word in "\\PC?[A-Za-z]{0,12}") {
        prop_assert_eq!(of_text(&word).level, Level::Low);
    }

    #[test]
    fn case_does_not_change_the_score(text in prompts()) {
        prop_assert_eq!(of_text(&text.to_ascii_uppercase()), of_text(&text));
    }

    #[test]
    fn whitespace_does_not_change_the_score(text in prompts(), blank in "[ \\t\\n\\r]{1,5}") {
        let spaced = format!("{blank}{}{blank}", text.replace(' ', &blank));
        prop_assert_eq!(of_text(&spaced).score, of_text(&format!("{text} ")).score);
    }

    #[test]
    fn politeness_does_not_change_the_score(text in prompts()) {
        let polite = format!("Hello! Please, {text} . Thank you, thanks!");
        prop_assert_eq!(of_text(&polite).score, of_text(&format!("{text} .")).score);
    }
}
