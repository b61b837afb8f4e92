//! Everything that is wrong with a policy, and not only what is found first.

use std::fmt;
use std::path::Path;

use llm_arbiter::policy::{Policy, PolicyError};
use serde_json::{Value, json};
use thiserror::Error;

use crate::places::{Place, Places, Step, steps};

/// The sections that a policy cannot be without, each after those that it refers to.
const REQUIRED: [&str; 4] = ["providers", "models", "tiers", "baseline"];
/// The name of what stands in for what was taken out.
const STAND_IN: &str = "stand-in";
/// Most times that a document is read: a fault is told, or something that follows from one is passed over, each time.
const MOST: usize = 500;

/// What is wrong with a policy: at least one fault, each with its place.
#[derive(Debug, Error)]
pub struct Faults(Vec<(Place, PolicyError)>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (place, fault)) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{place}: {fault}")?;
        }
        Ok(())
    }
}

impl Faults {
    /// What is wrong with a document besides its `first` fault, in the order of its file.
    pub fn of(document: &Value, first: PolicyError, file: &Path) -> Self {
        let places = Places::of_file(file);
        let faults = all(document, first).into_iter();
        let mut faults: Vec<_> = faults.map(|fault| (places.of(document, &fault.path), fault)).collect();
        faults.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self(faults)
    }
}

/// All faults of a document whose `first` one is known: what is at fault is taken out and the rest is read again, until nothing is wrong
/// any more. What is wrong only because something else was taken out is not told.
fn all(document: &Value, first: PolicyError) -> Vec<PolicyError> {
    let mut rest = Rest { document: document.clone(), removed: Vec::new() };
    let (mut faults, mut next) = (Vec::new(), Some(first));
    for _ in 0..MOST {
        let Some(fault) = next.take() else { break };
        let (steps, left) = steps(&rest.document, &fault.path);
        let original = rest.original(&steps);
        let is_caused = rest.caused(&fault, &original);
        let told = PolicyError { path: format!("{}{left}", path(&original)), message: fault.message };
        let is_removed = rest.remove(&steps, original, &told.message);
        faults.extend((!is_caused).then_some(told));
        if !is_removed {
            break;
        }
        next = Policy::from_value(rest.document.clone()).err();
    }
    faults
}

/// What was taken out of a document.
struct Removed {
    /// Where it was in the whole document.
    steps: Vec<Step>,
    /// The name that it gave to something.
    name: Option<String>,
    /// Whether something else is in its place.
    is_replaced: bool,
}

/// What is left of a document.
struct Rest {
    document: Value,
    removed: Vec<Removed>,
}

impl Rest {
    /// The steps in the whole document that lead to what these lead to in what is left.
    fn original(&self, steps: &[Step]) -> Vec<Step> {
        let mut original: Vec<Step> = Vec::with_capacity(steps.len());
        for step in steps {
            let step = match step {
                Step::Field(name) => Step::Field(name.clone()),
                Step::Element(index) => {
                    let gone = self.removed.iter().filter(|removed| !removed.is_replaced);
                    let mut gone: Vec<usize> =
                        gone.filter_map(|removed| within(&removed.steps, &original)).collect();
                    gone.sort_unstable();
                    Step::Element(
                        gone.into_iter()
                            .fold(*index, |index, gone| index.saturating_add(usize::from(gone <= index))),
                    )
                }
            };
            original.push(step);
        }
        original
    }

    /// Whether something is wrong only because something else was taken out.
    fn caused(&self, fault: &PolicyError, original: &[Step]) -> bool {
        let quoted = fault.message.split('`').skip(1).step_by(2);
        let named: Vec<&str> = quoted.flat_map(|quoted| quoted.split('.')).collect();
        let is_named = |step: &Step| matches!(step, Step::Field(name) if named.contains(&name.as_str()));
        self.removed.iter().any(|Removed { steps, name, .. }| match original {
            [] => matches!(steps.as_slice(), [section] if is_named(section)),
            _ => {
                steps.starts_with(original)
                    || name.as_ref().is_some_and(|name| named.contains(&name.as_str()))
            }
        })
    }

    /// Takes out what the steps lead to, or puts something right in its place; `false` if nothing can be done about it. Of sections that
    /// are missing, that which the message names.
    fn remove(&mut self, steps: &[Step], original: Vec<Step>, message: &str) -> bool {
        if steps.is_empty() {
            let mut missing = REQUIRED.iter().filter(|section| self.document.get(section).is_none());
            let is_named = |section: &&&str| message.contains(&format!("`{section}`"));
            let missing = missing.clone().find(is_named).or_else(|| missing.next());
            return missing
                .is_some_and(|section| self.stand_in(&[Step::Field((*section).to_owned())], false));
        }
        let before = self.removed.iter().filter(|removed| removed.steps == original).count();
        if before < 2 && self.stand_in(steps, before == 0) {
            self.removed.push(Removed { steps: original, name: None, is_replaced: true });
            return true;
        }
        let Some(name) = self.take_out(steps) else { return false };
        let names_something =
            original.len() == 2 || original.first() == Some(&Step::Field("identity".into()));
        let name = name.filter(|_| names_something);
        self.removed.push(Removed { steps: original, name, is_replaced: false });
        true
    }

    /// Takes out what the steps lead to: its name, if it has one, or `None` if there is nothing.
    fn take_out(&mut self, steps: &[Step]) -> Option<Option<String>> {
        let (last, around) = steps.split_last()?;
        match (self.at(around)?, last) {
            (Value::Object(fields), Step::Field(name)) => {
                fields.shift_remove(name).map(|_| Some(name.clone()))
            }
            (Value::Array(elements), Step::Element(index)) if *index < elements.len() => {
                let element = elements.remove(*index);
                Some(element.get("name").and_then(Value::as_str).map(str::to_owned))
            }
            _ => None,
        }
    }

    fn at(&mut self, steps: &[Step]) -> Option<&mut Value> {
        steps.iter().try_fold(&mut self.document, |value, step| match step {
            Step::Field(name) => value.get_mut(name),
            Step::Element(index) => value.get_mut(index),
        })
    }

    /// Puts something right in the place of what others refer to by its name, or of a section that a policy cannot be without; or only
    /// what is missing in it. `false` if the steps lead to neither.
    fn stand_in(&mut self, steps: &[Step], only_missing: bool) -> bool {
        let Some(value) = self.right(steps) else { return false };
        match (steps, &mut self.document) {
            ([Step::Field(section)], Value::Object(sections)) => {
                sections.insert(section.clone(), value);
                true
            }
            _ => match (self.at(steps), value) {
                (Some(Value::Object(fields)), Value::Object(right)) if only_missing => {
                    for (name, value) in right {
                        fields.entry(name).or_insert(value);
                    }
                    true
                }
                (Some(place), value) => {
                    *place = value;
                    true
                }
                (None, _) => false,
            },
        }
    }

    /// Something right that may stand where the steps lead to.
    fn right(&self, steps: &[Step]) -> Option<Value> {
        let first = |section: &str| {
            let entries = self.document.get(section).and_then(Value::as_object);
            entries.and_then(|entries| entries.keys().next()).map_or(STAND_IN, String::as_str)
        };
        let provider = json!({"host": "localhost"});
        let model = json!({"provider": first("providers"), "prices": {"input": 0, "output": 0}});
        let tier = |name: &str| json!({"name": name, "handles": "high", "models": [first("models")]});
        Some(match steps {
            [Step::Field(section)] => match section.as_str() {
                "providers" => json!({STAND_IN: provider}),
                "models" => json!({STAND_IN: model}),
                "tiers" => json!([tier(STAND_IN)]),
                "baseline" => first("models").into(),
                _ => return None,
            },
            [Step::Field(section), Step::Field(_)] if section == "providers" => provider,
            [Step::Field(section), Step::Field(_)] if section == "models" => model,
            [Step::Field(section), Step::Element(index)] if section == "tiers" => {
                let tiers = self.document.get("tiers").and_then(Value::as_array);
                let field = |at: usize, name: &str| tiers?.get(at)?.get(name)?.as_str().map(str::to_owned);
                let mut tier = tier(&field(*index, "name").unwrap_or_else(|| STAND_IN.into()));
                // Neither above the next nor, being as the next, below the one before.
                if let (Some(handles), Some(tier)) =
                    (field(index.saturating_add(1), "handles"), tier.as_object_mut())
                {
                    tier.insert("handles".into(), handles.into());
                }
                tier
            }
            _ => return None,
        })
    }
}

/// The index of what was taken out of the list that `around` leads to, if that was one of its elements.
fn within(removed: &[Step], around: &[Step]) -> Option<usize> {
    match removed.strip_prefix(around) {
        Some([Step::Element(index)]) => Some(*index),
        _ => None,
    }
}

/// Steps as text.
fn path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Field(name) if path.is_empty() => path.push_str(name),
            Step::Field(name) => {
                path.push('.');
                path.push_str(name);
            }
            Step::Element(index) => path.push_str(&format!("[{index}]")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
providers:
  one: { host: one.test }
  two: { host: two.test, dialect: openai }
models:
  small: { provider: one, prices: { input: 1, output: 2 } }
  big: { provider: two, prices: { input: 3, output: 4 } }
tiers:
  - { name: low, handles: low, models: [small] }
  - { name: high, handles: high, models: [big, small] }
baseline: big
identity: { headers: { tenant: x-tenant, team: x-team } }
budgets:
  - { name: first, usd: 3, window: day }
  - { name: second, per: team, usd: 3, window: day }
rules:
  - { name: a, when: identity.team == "x", then: { model: big } }
  - { name: b, when: budget.second > 0.5, then: { tier: { max: low } } }
"#;

    /// What may be wrong with it: where, and what stands there then.
    const WRONG: [(&str, &str); 11] = [
        ("providers.one.host", "3"),
        ("providers.two.dialect", "openay"),
        ("models.small.prices.input", "cheap"),
        ("models.big.provider", "none"),
        ("tiers[0].handles", "litle"),
        ("tiers[1].models[0]", "none"),
        ("baseline", "none"),
        ("identity.headers.team", "bad name"),
        ("budgets[0].window", "fortnight"),
        ("rules[0].then.model", "none"),
        ("rules[1].then.tier.max", "none"),
    ];

    fn wrong(faults: &[&(&str, &str)]) -> Value {
        let mut document: Value = serde_saphyr::from_str(POLICY).expect("YAML");
        for (path, value) in faults {
            let (steps, left) = steps(&document, path);
            assert_eq!(left, "", "{path}");
            let mut rest = Rest { document, removed: Vec::new() };
            *rest.at(&steps).expect("it is there") = if *value == "3" { 3.into() } else { (*value).into() };
            document = rest.document;
        }
        document
    }

    #[test]
    fn every_fault_is_told_and_nothing_that_only_follows_from_one() {
        assert!(Policy::from_value(wrong(&[])).is_ok());
        for some in 1_u32..1 << WRONG.len() {
            let chosen: Vec<_> = WRONG.iter().enumerate().filter(|(at, _)| some >> at & 1 == 1).collect();
            let chosen: Vec<_> = chosen.into_iter().map(|(_, fault)| fault).collect();
            let document = wrong(&chosen);
            let first = Policy::from_value(document.clone()).expect_err("something is wrong");
            let mut told: Vec<String> = all(&document, first).into_iter().map(|fault| fault.path).collect();
            let mut expected: Vec<&str> = chosen.iter().map(|(path, _)| *path).collect();
            told.sort();
            expected.sort_unstable();
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn sections_that_are_missing_are_told_with_all_else() {
        let document = json!({"providers": {"one": {"hots": "x"}}, "rules": [{"name": "a", "then": "alow"}]});
        let first = Policy::from_value(document.clone()).expect_err("something is wrong");
        let told: Vec<String> = all(&document, first).iter().map(ToString::to_string).collect();
        assert!(
            told.iter().any(|fault| fault.starts_with("rules[0].then: there is no effect `alow`")),
            "{told:?}"
        );
        for missing in ["models", "tiers", "baseline"] {
            assert!(told.contains(&format!("policy: missing field `{missing}`")), "{told:?}");
        }
        assert!(told.iter().any(|fault| fault.contains("`hots`")), "{told:?}");
    }
}
