//! How the budgets stand, for operators.

use std::time::Duration;

use serde_json::{Value, json};

use crate::host::SharedData;
use crate::ledger::budget::{Account, Book, Standing, Unit};

/// Nano-dollars in a dollar.
const NANO: f64 = 1e9;

/// Every budget with the accounts that something counts in.
pub(super) fn all<H: SharedData>(host: &H, books: &[Book], now: Duration) -> Value {
    let budgets: Vec<Value> = books.iter().map(|book| budget(host, book, now)).collect();
    json!({"budgets": budgets})
}

fn budget<H: SharedData>(host: &H, book: &Book, now: Duration) -> Value {
    let budget = book.budget();
    let accounts = book.accounts(host, now);
    let accounts: Vec<Value> =
        accounts.iter().map(|(held, standing)| account(budget.unit, held, standing)).collect();
    json!({
        "name": budget.name,
        "per": budget.per,
        "unit": budget.unit.as_str(),
        "window": budget.window.in_words(),
        "accounts": accounts
    })
}

fn account(unit: Unit, account: &Account, standing: &Standing) -> Value {
    let Standing { used, limit, stage, resets_in } = *standing;
    json!({
        "holder": account.name,
        "spent": amount(unit, account.spent()),
        "reserved": amount(unit, used.saturating_sub(account.spent())),
        "limit": amount(unit, limit),
        "stage": stage.as_str(),
        "resets_in": resets_in.as_secs()
    })
}

/// An amount as policies have it.
#[expect(clippy::cast_precision_loss, reason = "dollars are said as numbers with a fraction")]
fn amount(unit: Unit, amount: u64) -> Value {
    match unit {
        Unit::NanoDollars => json!(amount as f64 / NANO),
        Unit::Tokens | Unit::Requests => json!(amount),
    }
}
