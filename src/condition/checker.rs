//! Reads a condition and checks it: what gets past has a known type everywhere, names facts that exist, and is cheap.
//!
//! | bound | why |
//! |---|---|
//! | [`MAX_LENGTH`] bytes, [`MAX_DEPTH`] levels | reading and evaluating go as deep as the expression |
//! | `exists`, `all` and `exists_one` only, none inside another | a list is walked once, and no list is made |
//! | patterns are written out | they are compiled once, and known to be right |

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, SelectExpr, SourceInfo, operators};
use cel::{Env, IdedExpr, ParseErrors};
use thiserror::Error;

use super::names::{Kind, Names};
use super::regex;

/// What is wrong with a condition, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at line {line}, column {column}: {message}")]
pub struct ConditionError {
    /// Line of the condition, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Longest condition, in bytes.
pub const MAX_LENGTH: usize = 4096;
/// Deepest nesting of parts of a condition.
const MAX_DEPTH: usize = 48;
/// Most brackets that may be open at a time, and signs before a value: the library's reader takes up to 10 KB of stack for each, of 1 MB
/// that the module has.
const MAX_BRACKETS: usize = 16;

/// How alike names are (Jaro-Winkler, 0 to 1) from which one is taken for the other misspelled.
const LIKE: f64 = 0.9;

/// Type of a part of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Type {
    Bool,
    Int,
    Double,
    Text,
    Headers,
    /// Of elements of one type; `None`: it has no element.
    List(Option<Box<Type>>),
}

/// An expression that has been checked.
pub(super) struct Checked {
    pub(super) expression: IdedExpr,
    /// The headers that it reads, lower case.
    pub(super) headers: BTreeSet<String>,
    /// The facts that it reads.
    pub(super) facts: BTreeSet<String>,
}

/// Reads `source`.
///
/// # Errors
/// [`ConditionError`] for the first thing that is wrong.
pub(super) fn check(env: &Env, source: &str, names: &Names) -> Result<Checked, ConditionError> {
    bounds(source)?;
    let program = env.compile(source).map_err(|errors| syntax(source, &errors))?;
    let mut checker = Checker {
        names,
        source: program.source_info(),
        scope: Vec::new(),
        headers: BTreeSet::new(),
        facts: BTreeSet::new(),
        depth: 0,
    };
    match checker.type_of(program.expression()) {
        Ok(Type::Bool) => {
            let mut expression = program.expression().clone();
            name_facts(&mut expression);
            Ok(Checked { expression, headers: checker.headers, facts: checker.facts })
        }
        Ok(other) => {
            let message = format!("a condition is true or false, and this is {}", other.in_words());
            Err(ConditionError { line: 1, column: 1, message })
        }
        Err(fault) => {
            let at = checker.source.offset_for(fault.at).map_or(0, |(start, _)| start);
            Err(located(source, usize::try_from(at).unwrap_or(0), fault.message))
        }
    }
}

/// What can be said without reading.
fn bounds(source: &str) -> Result<(), ConditionError> {
    if source.len() > MAX_LENGTH {
        let message = format!("the condition is longer than {MAX_LENGTH} bytes; make two rules of it");
        return Err(ConditionError { line: 1, column: 1, message });
    }
    let (mut open, mut prefixes) = (0_usize, 0_usize);
    for (at, c) in source.char_indices() {
        match c {
            '(' | '[' | '{' => open = open.saturating_add(1),
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        prefixes = match c {
            '!' | '-' => prefixes.saturating_add(1),
            _ if c.is_whitespace() => prefixes,
            _ => 0,
        };
        if open > MAX_BRACKETS || prefixes > MAX_BRACKETS {
            let message = format!("more than {MAX_BRACKETS} levels deep; make two rules of it");
            return Err(located(source, at, message));
        }
    }
    Ok(())
}

fn syntax(source: &str, errors: &ParseErrors) -> ConditionError {
    let first = errors.errors.first();
    let (line, column) = first.map_or((1, 1), |error| error.pos);
    let message = first.map_or("it cannot be read", |error| error.msg.as_str());
    let number = |number: isize| usize::try_from(number).unwrap_or(1).max(1);
    let message = format!("{}; conditions are written in CEL", message.trim_start_matches("Syntax error: "));
    let last = source.lines().count().max(1);
    ConditionError { line: number(line).min(last), column: number(column), message }
}

/// A fault at a byte of `source`.
fn located(source: &str, at: usize, message: String) -> ConditionError {
    let before = source.get(..at).unwrap_or(source);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
    ConditionError { line, column, message }
}

/// What is wrong with the part of this id.
struct Fault {
    at: u64,
    message: String,
}

struct Checker<'c> {
    names: &'c Names,
    source: &'c SourceInfo,
    /// Names that a walk through a list gives to its elements.
    scope: Vec<(String, Type)>,
    headers: BTreeSet<String>,
    facts: BTreeSet<String>,
    depth: usize,
}

impl Checker<'_> {
    fn type_of(&mut self, part: &IdedExpr) -> Result<Type, Fault> {
        if self.depth >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} levels deep; make two rules of it");
            return Err(Fault { at: part.id, message });
        }
        self.depth = self.depth.saturating_add(1);
        let found = self.type_within(part);
        self.depth = self.depth.saturating_sub(1);
        found
    }

    fn type_within(&mut self, part: &IdedExpr) -> Result<Type, Fault> {
        let fault = |message: &str| Err(Fault { at: part.id, message: message.to_owned() });
        match &part.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Ok(Type::Bool),
                LiteralValue::Int(_) => Ok(Type::Int),
                LiteralValue::Double(_) => Ok(Type::Double),
                LiteralValue::String(_) => Ok(Type::Text),
                LiteralValue::Bytes(_) | LiteralValue::Null | LiteralValue::UInt(_) => {
                    fault("facts are texts, numbers and true or false")
                }
            },
            Expr::Ident(name) => self.fact(part.id, name),
            Expr::Select(select) => self.select(part.id, select),
            Expr::Call(call) => self.call(part.id, call),
            Expr::List(list) if list.optional_indices.is_empty() => self.list(part.id, &list.elements),
            Expr::Comprehension(walk) => self.walk(part.id, walk),
            Expr::List(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                fault("conditions know texts, numbers, true or false, and lists of them")
            }
        }
    }

    /// A fact, or an element of a list that is walked through.
    fn fact(&mut self, at: u64, name: &str) -> Result<Type, Fault> {
        if let Some((_, found)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return Ok(found.clone());
        }
        let kind = self.names.kind(name);
        self.facts.extend(kind.map(|_| name.to_owned()));
        match kind {
            Some(Kind::Bool) => Ok(Type::Bool),
            Some(Kind::Int) => Ok(Type::Int),
            Some(Kind::Double) => Ok(Type::Double),
            Some(Kind::Text) => Ok(Type::Text),
            Some(Kind::Texts) => Ok(Type::List(Some(Box::new(Type::Text)))),
            Some(Kind::Headers) => Ok(Type::Headers),
            None => Err(Fault { at, message: self.unknown(name) }),
        }
    }

    fn unknown(&self, name: &str) -> String {
        let all: Vec<String> = self.names.all().collect();
        let likeness = |known: &String| strsim::jaro_winkler(known, name);
        let nearest = all.iter().map(|known| (likeness(known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
        match nearest {
            Some((likeness, known)) if likeness > LIKE && name.contains('.') => {
                format!("there is no fact `{name}`; did you mean `{known}`?")
            }
            _ => {
                let within = all.iter().filter(|known| known.starts_with(&format!("{name}.")));
                let within: Vec<&str> = within.map(String::as_str).collect();
                let known = if within.is_empty() { all.iter().map(String::as_str).collect() } else { within };
                format!("there is no fact `{name}`; there are {}", known.join(", "))
            }
        }
    }

    fn select(&mut self, at: u64, select: &SelectExpr) -> Result<Type, Fault> {
        if select.test {
            let message =
                "every fact is there: compare it, or ask for a header as in `\"x-team\" in request.headers`";
            return Err(Fault { at, message: message.to_owned() });
        }
        let mut name = select.field.clone();
        let mut operand = select.operand.as_ref();
        while let Expr::Select(inner) = &operand.expr {
            name = format!("{}.{name}", inner.field);
            operand = inner.operand.as_ref();
        }
        match &operand.expr {
            Expr::Ident(root) => self.fact(operand.id, &format!("{root}.{name}")),
            _ => Err(Fault { at, message: format!("nothing has a part named `{name}`") }),
        }
    }

    fn list(&mut self, at: u64, elements: &[IdedExpr]) -> Result<Type, Fault> {
        let mut of: Option<Type> = None;
        for element in elements {
            let found = self.type_of(element)?;
            match &of {
                Some(first) if *first != found => {
                    let (first, found) = (first.in_words(), found.in_words());
                    return Err(Fault { at, message: format!("a list holds {first}, or it holds {found}") });
                }
                _ => of = Some(found),
            }
        }
        Ok(Type::List(of.map(Box::new)))
    }

    /// `exists`, `all` and `exists_one`, as the library writes them out.
    fn walk(&mut self, at: u64, walk: &ComprehensionExpr) -> Result<Type, Fault> {
        let fault = |message: &str| Err(Fault { at, message: message.to_owned() });
        if !self.scope.is_empty() {
            return fault("a walk through a list cannot stand inside another one");
        }
        let element = match self.type_of(&walk.iter_range)? {
            Type::List(Some(element)) => *element,
            Type::List(None) => return fault("the list is empty"),
            other => {
                let message = format!("only a list can be walked through, and this is {}", other.in_words());
                return Err(Fault { at, message });
            }
        };
        let result = self.type_of(&walk.accu_init)?;
        if !matches!(result, Type::Bool | Type::Int) {
            return fault("conditions make no lists; ask with `exists`, `all` or `exists_one`");
        }
        self.scope.push((walk.iter_var.clone(), element));
        self.scope.push((walk.accu_var.clone(), result));
        let parts = [&walk.loop_cond, &walk.loop_step, &walk.result];
        let types: Result<Vec<Type>, Fault> = parts.into_iter().map(|part| self.type_of(part)).collect();
        self.scope.clear();
        match types?.pop() {
            Some(found) => Ok(found),
            None => fault("conditions make no lists"),
        }
    }

    fn call(&mut self, at: u64, call: &CallExpr) -> Result<Type, Fault> {
        let mut types = Vec::with_capacity(call.args.len().saturating_add(1));
        for argument in call.target.as_deref().into_iter().chain(&call.args) {
            types.push(self.type_of(argument)?);
        }
        if let (operators::INDEX, [Type::Headers, Type::Text]) = (call.func_name.as_str(), types.as_slice()) {
            return self.header(at, call.args.get(1));
        }
        if let (operators::IN, [Type::Text, Type::Headers]) = (call.func_name.as_str(), types.as_slice()) {
            return self.header(at, call.args.first()).map(|_| Type::Bool);
        }
        if call.func_name == "matches" {
            pattern(call.args.last()).map_err(|message| Fault { at, message })?;
        }
        let is_member = call.target.is_some();
        let name = call.func_name.as_str();
        result(name, is_member, &types).ok_or_else(|| Fault { at, message: misused(name, is_member, &types) })
    }

    /// A header's value.
    fn header(&mut self, at: u64, name: Option<&IdedExpr>) -> Result<Type, Fault> {
        let fault = |message: String| Err(Fault { at, message });
        let Some(Expr::Literal(LiteralValue::String(name))) = name.map(|name| &name.expr) else {
            return fault(
                "the name of a header is written out, as in `request.headers[\"x-team\"]`".to_owned(),
            );
        };
        let name = name.inner();
        if name.is_empty() || name.chars().any(|c| c.is_ascii_uppercase()) {
            return fault(format!("names of headers are lower case: `{}`", name.to_ascii_lowercase()));
        }
        self.headers.insert(name.to_owned());
        Ok(Type::Text)
    }
}

/// Makes one name of each chain of names: the interpreter would put it together anew for every call.
fn name_facts(part: &mut IdedExpr) {
    if let Some(name) = dotted(&part.expr) {
        part.expr = Expr::Ident(name);
        return;
    }
    match &mut part.expr {
        Expr::Call(call) => {
            call.target.iter_mut().map(AsMut::as_mut).chain(&mut call.args).for_each(name_facts)
        }
        Expr::List(list) => list.elements.iter_mut().for_each(name_facts),
        Expr::Comprehension(walk) => {
            let ComprehensionExpr { iter_range, accu_init, loop_cond, loop_step, result, .. } = walk.as_mut();
            [iter_range, accu_init, loop_cond, loop_step, result].into_iter().for_each(name_facts);
        }
        _ => {}
    }
}

fn dotted(part: &Expr) -> Option<String> {
    match part {
        Expr::Select(SelectExpr { operand, field, test: false }) => match &operand.expr {
            Expr::Ident(root) => Some(format!("{root}.{field}")),
            inner => dotted(inner).map(|name| format!("{name}.{field}")),
        },
        _ => None,
    }
}

/// Whether a pattern is written out and right.
fn pattern(argument: Option<&IdedExpr>) -> Result<(), String> {
    let Some(Expr::Literal(LiteralValue::String(pattern))) = argument.map(|argument| &argument.expr) else {
        return Err("a pattern is written out, as in `chat.model.matches(\"^gpt-\")`".to_owned());
    };
    let compiled = regex::compile(pattern.inner());
    compiled.map(drop).map_err(|error| format!("the pattern cannot be used: {error}"))
}

/// The type of what a function or operator gives; `None` when it does not take these.
fn result(name: &str, is_member: bool, types: &[Type]) -> Option<Type> {
    use Type::{Bool, Double, Int, List, Text};
    let is_number = |of: &Type| matches!(of, Int | Double);
    Some(match (name, is_member, types) {
        (operators::LOGICAL_AND | operators::LOGICAL_OR, false, [Bool, Bool])
        | (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, false, [Bool]) => Bool,
        (operators::CONDITIONAL, false, [Bool, a, b]) if a == b => a.clone(),
        (operators::EQUALS | operators::NOT_EQUALS, false, [a, b])
            if *a != Type::Headers && (a == b || is_number(a) && is_number(b)) =>
        {
            Bool
        }
        (
            operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS,
            false,
            [a, b],
        ) if is_number(a) && is_number(b) || *a == Text && *b == Text => Bool,
        (operators::ADD, false, [Text, Text]) => Text,
        (operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE, false, [a, b])
            if is_number(a) && a == b =>
        {
            a.clone()
        }
        (operators::MODULO, false, [Int, Int]) => Int,
        (operators::NEGATE, false, [a]) if is_number(a) => a.clone(),
        (operators::IN, false, [a, List(Some(of))]) if *a == **of => Bool,
        (operators::IN, false, [_, List(None)]) => Bool,
        ("size", _, [Text | List(_)]) => Int,
        ("double", false, [Int | Double]) => Double,
        ("startsWith" | "endsWith" | "contains" | "matches", true, [Text, Text]) => Bool,
        _ => return None,
    })
}

fn misused(name: &str, is_member: bool, types: &[Type]) -> String {
    let given: Vec<&str> = types.iter().map(Type::in_words).collect();
    let given = given.join(" and ");
    let sign = name.trim_matches(['_', '@']);
    match name {
        operators::CONDITIONAL => format!("`?:` is not for {given}"),
        operators::INDEX => format!("`[]` is only for `request.headers`, not for {given}"),
        operators::IN => format!("`in` asks whether a value is in a list of such values, not for {given}"),
        _ if sign.chars().any(char::is_alphabetic) => {
            let known = "startsWith, endsWith, contains, matches, size, double, exists, all, exists_one";
            let is_known = known.split(", ").any(|known| known == name);
            match (is_known, is_member) {
                (true, true) => format!("`{name}` is not for {given}"),
                (true, false) => format!(
                    "`{name}` is not for {given}; functions of texts stand behind them: `text.{name}(...)`"
                ),
                (false, _) => format!("there is no function `{name}`; there are {known}"),
            }
        }
        _ => format!("`{}` is not for {given}", sign.replace('_', "")),
    }
}

impl Type {
    fn in_words(&self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Double => "a number with a fraction",
            Self::Text => "a text",
            Self::Headers => "all headers",
            Self::List(_) => "a list",
        }
    }
}
