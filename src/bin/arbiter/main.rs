//! The native command: checks and renders policies with the same code that runs in the filter.

mod check;
mod compare;
mod explain;
mod faults;
mod fit;
mod key;
mod lines;
mod places;
mod policy_file;
mod prices;
mod ready;
mod render;
mod score;
mod simulate;
mod warnings;
mod workload;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::policy_file::CommandError;
use self::prices::PriceList;

/// LLM cost policy inside a stock Envoy.
#[derive(Debug, Parser)]
#[command(name = "arbiter", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check a policy and say what it means. It ends with 0 if the policy can be used.
    Check {
        /// The policy, YAML or JSON.
        policy: PathBuf,
        /// End with 1 if there are warnings.
        #[arg(long)]
        strict: bool,
        /// Say instead which rule decides the request in this file, and why: a line of `arbiter score`.
        #[arg(long)]
        explain: Option<PathBuf>,
    },
    /// Print the Envoy configuration that enforces a policy.
    Render {
        /// The policy, YAML or JSON.
        policy: PathBuf,
        #[command(flatten)]
        options: render::Options,
    },
    /// Ask a running Envoy whether it serves. It ends with 0 if so.
    Ready {
        /// Envoy's administration interface.
        #[arg(long, default_value = "127.0.0.1:9901")]
        admin: SocketAddr,
    },
    /// Score requests: JSON lines {"id", "prompt"} or {"id", "body": chat request}, to {"id", "complexity", "tier", "reasons", "models", "left_out"}.
    Score {
        /// The policy, YAML or JSON.
        policy: PathBuf,
        /// The lines; `-` is the standard input.
        #[arg(default_value = "-")]
        lines: PathBuf,
        /// Add what the learned scorer weighs: 21 counts and the embedding, or null if there is nothing to go by.
        #[arg(long)]
        inputs: bool,
    },
    /// Compare messages: JSON lines {"id", "answered", "asked"}, to {"id", "veto", "score"}: what forbids to answer the one with
    /// the answer to the other, or else how likely that answer serves both, 0 to 1.
    Compare {
        /// The lines; `-` is the standard input.
        #[arg(default_value = "-")]
        lines: PathBuf,
        /// Add what the verifier weighs.
        #[arg(long)]
        inputs: bool,
    },
    /// Replay recorded requests: JSON lines {"id", "time", "headers", "body", "response"}, to {"id", "outcome", "hit_id", "veto", "likeness",
    /// "tier", "model", "reason", "cost_usd", "baseline_usd", "saved_usd", "estimated"}: what the policy would have done with each.
    Simulate {
        #[command(flatten)]
        options: simulate::Options,
    },
    /// Print calls as a company makes them, made up from a seed: JSON lines {"id", "time", "headers", "body", "response"}, a trace for `simulate`.
    Workload {
        #[command(flatten)]
        options: workload::Options,
    },
    /// Print the JSON Schema of policies: editors complete and check them by it.
    Schema {
        /// Print that of the console's answers instead.
        #[arg(long)]
        console: bool,
        /// Print that of the access log instead.
        #[arg(long, conflicts_with = "console")]
        access_log: bool,
    },
    /// What models cost.
    Prices {
        #[command(subcommand)]
        verb: PricesVerb,
    },
    /// Keys that callers are known by.
    Key {
        #[command(subcommand)]
        verb: KeyVerb,
    },
    /// Fit the learned scorer to your own traffic: JSON lines {"prompt" or "body", "strong": 0..1, "weak": 0..1} or {"prompt" or
    /// "body", "good_enough": true or false}. A `group` keeps prompts together, such as those of one conversation.
    Fit {
        /// The policy, YAML or JSON: how bodies are read, and with which encoder.
        #[arg(long)]
        policy: PathBuf,
        /// The graded prompts; `-` is the standard input.
        #[arg(long)]
        labels: PathBuf,
        /// Where the weights go; name this file in the policy, as `classify.weights`.
        #[arg(long, default_value = "scorer.json")]
        output: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum PricesVerb {
    /// Print the `models` section of a policy from LiteLLM's list of prices, limits and abilities.
    Import {
        /// The list: `model_prices_and_context_window.json`, or the same out of LiteLLM's package.
        list: PathBuf,
        /// The models that are wanted; a `*` at the end stands for anything.
        #[arg(long)]
        model: Vec<String>,
        /// The policy whose models are wanted.
        #[arg(long, conflicts_with = "model")]
        policy: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum KeyVerb {
    /// Print the hash of the key on the standard input, for `identity.keys` in the policy.
    Hash,
}

fn main() -> ExitCode {
    let result = match Cli::parse().verb {
        Verb::Check { policy, explain: Some(request), .. } => {
            policy_file::read(&policy).and_then(|file| Ok(explain::request(&file, &request)?))
        }
        Verb::Check { policy, strict, explain: None } => {
            policy_file::read(&policy).and_then(|file| Ok(check::report(&file, strict)?))
        }
        Verb::Render { policy, options } => {
            policy_file::read(&policy).and_then(|file| render::bootstrap(&file, &options))
        }
        Verb::Ready { admin } => ready::ready(admin).map(|()| String::new()).map_err(Into::into),
        Verb::Score { policy, lines, inputs } => {
            policy_file::read(&policy).and_then(|file| Ok(score::lines(&file, &lines, inputs)?))
        }
        Verb::Compare { lines, inputs } => compare::lines(&lines, inputs).map_err(Into::into),
        Verb::Simulate { options } => simulated(&options).map(|()| String::new()),
        Verb::Workload { options } => workload::run(&options).map(|()| String::new()).map_err(Into::into),
        Verb::Schema { access_log: true, .. } => {
            Ok(format!("{:#}\n", llm_arbiter::telemetry::access_log_schema()))
        }
        Verb::Schema { console: true, .. } => Ok(format!("{:#}\n", llm_arbiter::filter::console::schema())),
        Verb::Schema { .. } => Ok(format!("{:#}\n", llm_arbiter::policy::schema())),
        Verb::Prices { verb: PricesVerb::Import { list, policy: Some(policy), .. } } => {
            policy_file::read(&policy).and_then(|file| Ok(PriceList::read(&list)?.of_policy(&file.policy)))
        }
        Verb::Prices { verb: PricesVerb::Import { list, model, policy: None } } => {
            PriceList::read(&list).and_then(|list| list.named(&model)).map_err(Into::into)
        }
        Verb::Key { verb: KeyVerb::Hash } => key::hashed().map_err(Into::into),
        Verb::Fit { policy, labels, output } => policy_file::read_to_fit(&policy)
            .and_then(|(policy, encoder)| Ok(fit::run(&policy, &encoder, &labels, &output)?)),
    };
    match result {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn simulated(options: &simulate::Options) -> Result<(), CommandError> {
    let policy = policy_file::read(&options.policy)?.policy;
    let other = options.compare.as_deref().map(policy_file::read).transpose()?;
    Ok(simulate::run(policy, other.map(|file| file.policy), options)?)
}
