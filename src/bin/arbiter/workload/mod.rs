//! `arbiter workload`: calls as a company makes them, made up from a seed: the same seed, the same calls.
//!
//! People ask again what others have asked, in the same words or in their own, go on in a conversation, and ask for things that nobody has asked
//! before; programs stream, call tools, and repeat themselves. The lines are a trace for `arbiter simulate`, and what `make demo-traffic` sends.

mod dice;
mod questions;

use std::io::{self, BufWriter, Write};

use clap::Args;
use serde_json::{Value, json};
use thiserror::Error;

use self::dice::Dice;
use self::questions::Question;

/// Seconds of an hour.
const HOUR: f64 = 3600.0;
/// Bytes of text that make a token.
const BYTES_OF_A_TOKEN: usize = 4;
/// Teams, and how much of the traffic each has, in parts.
const TEAMS: [(&str, u32); 6] =
    [("support", 34), ("search", 24), ("platform", 16), ("data", 12), ("legal", 8), ("interns", 6)];
/// What a program tells the model before anything else.
const INSTRUCTIONS: &str = "You are the assistant of a company that sells kitchen appliances. Answer in short, plain sentences. Say so when you do not know.";

/// What is made up.
#[derive(Debug, Args)]
pub struct Options {
    /// How many calls.
    #[arg(long, default_value_t = 1000)]
    calls: u32,
    /// The same seed makes the same calls.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Over how many hours they are spread.
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    /// When the first comes, in seconds since 1970.
    #[arg(long, default_value_t = 1_767_268_800.0)]
    start: f64,
    /// Which part of the calls asks again what was asked before, in the same words.
    #[arg(long, default_value_t = 0.22)]
    repeats: f64,
    /// Which part asks in other words for what was asked before.
    #[arg(long, default_value_t = 0.12)]
    rephrasings: f64,
    /// Which part goes on in a conversation.
    #[arg(long, default_value_t = 0.15)]
    conversations: f64,
    /// Which part has tools.
    #[arg(long, default_value_t = 0.08)]
    tools: f64,
    /// Which part is streamed.
    #[arg(long, default_value_t = 0.4)]
    streams: f64,
}

/// Why there is no workload.
#[derive(Debug, Error)]
pub enum WorkloadError {
    /// A part that is none.
    #[error("--{0}: must be between 0 and 1, and repeats, rephrasings and conversations together at most 1")]
    Part(&'static str),
    /// A time that is none.
    #[error("--{0}: must be a number that is not negative")]
    Time(&'static str),
    /// The standard output.
    #[error("the calls cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Prints the calls, a line of JSON each: `{"id", "time", "headers", "body", "response"}`.
///
/// # Errors
/// [`WorkloadError`] says what to change.
pub fn run(options: &Options) -> Result<(), WorkloadError> {
    check(options)?;
    let mut output = BufWriter::new(io::stdout().lock());
    let mut workload = Workload::new(options);
    for number in 0..options.calls {
        serde_json::to_writer(&mut output, &workload.call(number)).map_err(io::Error::from)?;
        output.write_all(b"\n")?;
    }
    Ok(output.flush()?)
}

fn check(options: &Options) -> Result<(), WorkloadError> {
    let Options { repeats, rephrasings, conversations, tools, streams, hours, start, .. } = options;
    let parts = [
        ("repeats", *repeats),
        ("rephrasings", *rephrasings),
        ("conversations", *conversations),
        ("tools", *tools),
        ("streams", *streams),
    ];
    if let Some((name, _)) = parts.iter().find(|(_, part)| !(0.0..=1.0).contains(part)) {
        return Err(WorkloadError::Part(name));
    }
    if repeats + rephrasings + conversations > 1.0 {
        return Err(WorkloadError::Part("conversations"));
    }
    let times = [("hours", *hours), ("start", *start)];
    match times.iter().find(|(_, time)| !(0.0..=1e10).contains(time)) {
        Some((name, _)) => Err(WorkloadError::Time(name)),
        None => Ok(()),
    }
}

/// A call that was made, as far as a later one may come back to it.
#[derive(Debug, Clone)]
struct Made {
    team: &'static str,
    question: Question,
    messages: Vec<Value>,
    body: Value,
    response: Value,
}

/// Calls, one after the other.
#[derive(Debug)]
struct Workload<'o> {
    options: &'o Options,
    dice: Dice,
    /// The last calls that may be repeated or gone on with.
    made: Vec<Made>,
}

/// How many calls are remembered, so that memory stays the same however many there are.
const REMEMBERED: usize = 400;

impl<'o> Workload<'o> {
    fn new(options: &'o Options) -> Self {
        Self { options, dice: Dice::new(options.seed), made: Vec::new() }
    }

    fn call(&mut self, number: u32) -> Value {
        let Options { calls, hours, start, .. } = *self.options;
        let made = self.next();
        // More of them in the middle than at either end, as on a day.
        let share = (f64::from(number) + self.dice.part()) / f64::from(calls.max(1));
        let time = start + hours * HOUR * share;
        let line = json!({
            "id": number,
            "time": (time * 1000.0).round() / 1000.0,
            "headers": {"x-tenant": made.team},
            "body": made.body,
            "response": made.response,
        });
        if self.made.len() < REMEMBERED {
            self.made.push(made);
        } else {
            let place = self.dice.below(REMEMBERED);
            if let Some(old) = self.made.get_mut(place) {
                *old = made;
            }
        }
        line
    }

    fn next(&mut self) -> Made {
        let Options { repeats, rephrasings, conversations, .. } = *self.options;
        let part = self.dice.part();
        let earlier = if self.made.is_empty() { None } else { self.dice.frequent(self.made.len()) };
        let earlier = earlier.and_then(|place| self.made.get(place)).cloned();
        match earlier {
            Some(made) if part < repeats => made,
            Some(made) if part < repeats + rephrasings => self.rephrased(&made),
            Some(made) if part < repeats + rephrasings + conversations => self.continued(made),
            _ => self.fresh(),
        }
    }

    fn fresh(&mut self) -> Made {
        let team = self.dice.weighted(&TEAMS);
        let question = Question::draw(&mut self.dice);
        self.asked(team, question, vec![json!({"role": "system", "content": INSTRUCTIONS})])
    }

    fn rephrased(&mut self, made: &Made) -> Made {
        let question = made.question.rephrased(&mut self.dice);
        self.asked(made.team, question, vec![json!({"role": "system", "content": INSTRUCTIONS})])
    }

    fn continued(&mut self, made: Made) -> Made {
        let said = made.response.pointer("/choices/0/message/content").cloned().unwrap_or_default();
        let mut messages = made.messages;
        messages.push(json!({"role": "assistant", "content": said}));
        let question = Question::follow_up(&mut self.dice);
        self.asked(made.team, question, messages)
    }

    fn asked(&mut self, team: &'static str, question: Question, mut messages: Vec<Value>) -> Made {
        messages.push(json!({"role": "user", "content": question.text}));
        let mut body = json!({"model": "auto", "messages": messages});
        let mut add = |name: &str, value: Value| {
            if let Some(members) = body.as_object_mut() {
                members.insert(name.into(), value);
            }
        };
        if self.dice.part() < self.options.streams {
            add("stream", json!(true));
        }
        if self.dice.part() < self.options.tools {
            add("tools", json!([questions::tool()]));
        }
        let response = response(&body, &question);
        Made { team, question, messages, body, response }
    }
}

/// A provider's answer, with the tokens that it takes.
fn response(body: &Value, question: &Question) -> Value {
    let prompt = body.to_string().len() / BYTES_OF_A_TOKEN;
    let said = question.answer();
    let completion = said.len() / BYTES_OF_A_TOKEN;
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "auto",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt.saturating_add(completion)},
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Given {
        #[command(flatten)]
        options: Options,
    }

    fn options(arguments: &[&str]) -> Options {
        Given::parse_from(std::iter::once("workload").chain(arguments.iter().copied())).options
    }

    fn calls(arguments: &[&str]) -> Vec<Value> {
        let options = options(arguments);
        let mut workload = Workload::new(&options);
        (0..options.calls).map(|number| workload.call(number)).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_calls() {
        assert_eq!(calls(&["--calls", "50"]), calls(&["--calls", "50"]));
        assert_ne!(calls(&["--calls", "50"]), calls(&["--calls", "50", "--seed", "2"]));
    }

    #[test]
    fn parts_are_about_as_large_as_asked_for() {
        let calls = calls(&["--calls", "4000"]);
        let part = |is: &dyn Fn(&Value) -> bool| {
            f64::from(u32::try_from(calls.iter().filter(|call| is(call)).count()).unwrap()) / 4000.0
        };
        let mut seen = std::collections::HashSet::new();
        let again = calls.iter().filter(|call| !seen.insert(call["body"].to_string())).count();
        assert!((600..1400).contains(&again), "{again}");
        assert!((part(&|call| call["body"]["stream"] == true) - 0.4).abs() < 0.06);
        assert!((part(&|call| call["body"]["tools"].is_array()) - 0.08).abs() < 0.04);
        let turns = |call: &Value| call["body"]["messages"].as_array().unwrap().len();
        assert!(part(&|call| turns(call) > 2) > 0.12);
        let times: Vec<f64> = calls.iter().map(|call| call["time"].as_f64().unwrap()).collect();
        assert!(times.is_sorted() && times[3999] - times[0] < HOUR);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for wrong in [
            ["--repeats", "1.5"],
            ["--repeats", "0.9"],
            ["--hours", "-1"],
            ["--start", "NaN"],
            ["--streams", "inf"],
        ] {
            assert!(check(&options(&[&wrong.join("=")])).is_err(), "{wrong:?}");
        }
        assert!(check(&options(&[])).is_ok());
    }
}
