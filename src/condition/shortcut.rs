//! What most conditions ask, answered without the interpreter: a fact compared with what is written out, and `&&`, `||`, `!` of such
//! comparisons. What is not of this kind has no answer here, and the interpreter is asked; both say the same.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

use super::facts::{Fact, Facts};
use super::names::{Kind, Names};

/// Facts that are found out only when a condition comes to them.
const COSTLY: [&str; 4] = ["chat.score", "chat.level", "chat.tier", "chat.language"];

/// A condition, as far as it is simple.
#[derive(Debug, Clone)]
pub(super) enum Shortcut {
    /// It is for the interpreter.
    None,
    /// It says so itself.
    Said(bool),
    /// A fact that is true or false.
    Flag(String),
    Text(Subject, TextTest),
    Int(String, Order, i64),
    Double(String, Order, f64),
    Not(Box<Shortcut>),
    And(Box<[Shortcut; 2]>),
    Or(Box<[Shortcut; 2]>),
}

/// A text.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    /// The fact of this name.
    Fact(String),
    /// The request header of this name.
    Header(String),
}

/// What is asked about a text.
#[derive(Debug, Clone)]
pub(super) enum TextTest {
    OneOf(Vec<String>),
    NoneOf(Vec<String>),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
}

/// What is asked about a number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn named(operator: &str) -> Option<Self> {
        Some(match operator {
            operators::EQUALS => Self::Equal,
            operators::NOT_EQUALS => Self::NotEqual,
            operators::LESS => Self::Less,
            operators::LESS_EQUALS => Self::LessOrEqual,
            operators::GREATER => Self::Greater,
            operators::GREATER_EQUALS => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

impl Shortcut {
    /// The simple parts of an expression that has been checked, and whose facts have their names.
    pub(super) fn of(part: &IdedExpr, names: &Names) -> Self {
        match &part.expr {
            Expr::Literal(LiteralValue::Boolean(said)) => Self::Said(*said.inner()),
            Expr::Ident(name) if kind(name, names) == Some(Kind::Bool) => Self::Flag(name.clone()),
            Expr::Call(call) => Self::call(call, names).unwrap_or(Self::None),
            _ => Self::None,
        }
    }

    fn call(call: &CallExpr, names: &Names) -> Option<Self> {
        let of = |part| Self::of(part, names);
        let operator = call.func_name.as_str();
        match (call.target.as_deref(), operator, call.args.as_slice()) {
            (None, operators::LOGICAL_NOT, [inner]) => Some(Self::Not(Box::new(of(inner)))),
            (None, operators::LOGICAL_AND, [left, right]) => Some(Self::And(Box::new([of(left), of(right)]))),
            (None, operators::LOGICAL_OR, [left, right]) => Some(Self::Or(Box::new([of(left), of(right)]))),
            (None, operators::IN, [subject, list]) => {
                let Expr::List(list) = &list.expr else { return None };
                let texts = list.elements.iter().map(text).collect::<Option<_>>()?;
                Some(Self::Text(Subject::of(subject, names)?, TextTest::OneOf(texts)))
            }
            (None, _, [left, right]) => Self::comparison(operator, left, right, names),
            (Some(subject), _, [argument]) => {
                let test = match operator {
                    "startsWith" => TextTest::StartsWith,
                    "endsWith" => TextTest::EndsWith,
                    "contains" => TextTest::Contains,
                    _ => return None,
                };
                Some(Self::Text(Subject::of(subject, names)?, test(text(argument)?)))
            }
            _ => None,
        }
    }

    fn comparison(operator: &str, left: &IdedExpr, right: &IdedExpr, names: &Names) -> Option<Self> {
        let order = Order::named(operator)?;
        if let Some(text) = text(right) {
            let test = match order {
                Order::Equal => TextTest::OneOf(vec![text]),
                Order::NotEqual => TextTest::NoneOf(vec![text]),
                _ => return None,
            };
            return Some(Self::Text(Subject::of(left, names)?, test));
        }
        let (Expr::Ident(name), Expr::Literal(literal)) = (&left.expr, &right.expr) else { return None };
        match (kind(name, names)?, literal) {
            (Kind::Int, LiteralValue::Int(number)) => Some(Self::Int(name.clone(), order, *number.inner())),
            (Kind::Double, LiteralValue::Double(number)) => {
                Some(Self::Double(name.clone(), order, *number.inner()))
            }
            _ => None,
        }
    }

    /// Whether the condition holds for a call; `None`: the interpreter knows.
    pub(super) fn answer(&self, facts: &dyn Facts) -> Option<bool> {
        match self {
            Self::None => None,
            Self::Said(said) => Some(*said),
            Self::Flag(name) => Some(facts.fact(name) == Some(Fact::Bool(true))),
            Self::Text(subject, test) => Some(test.holds(subject.text(facts))),
            Self::Int(name, order, number) => {
                let value = match facts.fact(name) {
                    Some(Fact::Int(value)) => i64::try_from(value).unwrap_or(i64::MAX),
                    _ => 0,
                };
                Some(order.holds(&value, number))
            }
            Self::Double(name, order, number) => {
                let value = match facts.fact(name) {
                    Some(Fact::Double(value)) => value,
                    _ => 0.0,
                };
                Some(order.holds(&value, number))
            }
            Self::Not(inner) => inner.answer(facts).map(|held| !held),
            Self::And(parts) => both(parts, facts, false),
            Self::Or(parts) => both(parts, facts, true),
        }
    }
}

/// What two parts are together, of which either decides alone if it is `decisive`.
fn both([left, right]: &[Shortcut; 2], facts: &dyn Facts, decisive: bool) -> Option<bool> {
    let left = left.answer(facts);
    if left == Some(decisive) {
        return left;
    }
    match (left, right.answer(facts)) {
        (_, Some(right)) if right == decisive => Some(decisive),
        (Some(_), Some(_)) => Some(!decisive),
        _ => None,
    }
}

impl Subject {
    fn of(part: &IdedExpr, names: &Names) -> Option<Self> {
        match &part.expr {
            Expr::Ident(name) => (kind(name, names)? == Kind::Text).then(|| Self::Fact(name.clone())),
            Expr::Call(call) if call.func_name == operators::INDEX => {
                call.args.get(1).and_then(text).map(Self::Header)
            }
            _ => None,
        }
    }

    fn text<'f>(&self, facts: &'f dyn Facts) -> &'f str {
        match self {
            Self::Header(name) => facts.header(name).unwrap_or_default(),
            Self::Fact(name) => match facts.fact(name) {
                Some(Fact::Text(text)) => text,
                _ => "",
            },
        }
    }
}

impl TextTest {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::OneOf(texts) => texts.iter().any(|known| known == text),
            Self::NoneOf(texts) => texts.iter().all(|known| known != text),
            Self::StartsWith(part) => text.starts_with(part.as_str()),
            Self::EndsWith(part) => text.ends_with(part.as_str()),
            Self::Contains(part) => text.contains(part.as_str()),
        }
    }
}

/// What a fact is that costs nothing to find out.
fn kind(name: &str, names: &Names) -> Option<Kind> {
    if COSTLY.contains(&name) { None } else { names.kind(name) }
}

fn text(part: &IdedExpr) -> Option<String> {
    match &part.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
        _ => None,
    }
}
