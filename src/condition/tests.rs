//! What conditions say, what is wrong with others, and that no call can make one fail.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A call that a test describes.
#[derive(Debug, Default)]
struct Call {
    texts: BTreeMap<String, String>,
    numbers: BTreeMap<String, u64>,
    headers: BTreeMap<String, String>,
    groups: Vec<String>,
    score: f64,
    schema: bool,
}

impl Facts for Call {
    fn fact(&self, name: &str) -> Option<Fact<'_>> {
        Some(match names().kind(name)? {
            Kind::Text => Fact::Text(self.texts.get(name).map(String::as_str).unwrap_or_default()),
            Kind::Int => Fact::Int(self.numbers.get(name).copied().unwrap_or_default()),
            Kind::Double => Fact::Double(self.score),
            Kind::Bool => Fact::Bool(self.schema),
            Kind::Texts => Fact::Texts(&self.groups),
            Kind::Headers => return None,
        })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

fn names() -> Names {
    Names {
        attributes: [("team".to_owned(), Kind::Text), ("groups".to_owned(), Kind::Texts)].into(),
        budgets: ["team_day".to_owned()].into(),
    }
}

fn call() -> Call {
    let texts = [
        ("identity.tenant", "acme"),
        ("identity.team", "search"),
        ("chat.model", "gpt-4o-mini"),
        ("chat.level", "low"),
        ("request.path", "/v1/chat/completions"),
        ("now.date", "2026-11-27"),
    ];
    let numbers = [("chat.tokens", 1200), ("chat.tools", 2), ("now.hour", 22), ("now.weekday", 5)];
    Call {
        texts: texts.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        numbers: numbers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        headers: [("x-batch".to_owned(), "nightly".to_owned())].into(),
        groups: vec!["admins".to_owned(), "search".to_owned()],
        score: 0.25,
        schema: true,
    }
}

fn evaluated(condition: &Condition, call: &Call) -> Result<bool, Undecided> {
    let names = names();
    let known = Known::new(call, &names);
    let evaluator = known.evaluator();
    let held = evaluator.holds(condition);
    if let (Some(short), Ok(interpreted)) = (condition.shortcut.answer(call), evaluator.interpret(condition))
    {
        assert_eq!(short, interpreted, "{} on {call:?}", condition.source());
    }
    held
}

#[test]
fn every_simple_comparison_is_as_the_interpreter_has_it() {
    let mut sources = Vec::new();
    for order in ["==", "!=", "<", "<=", ">", ">="] {
        sources.extend(["0", "1", "2", "9223372036854775807"].map(|n| format!("chat.tokens {order} {n}")));
        sources.extend(["0.0", "0.25", "1.5"].map(|n| format!("budget.team_day {order} {n}")));
    }
    for text in ["", "acme", "ac", "me", "cm", "acmes"] {
        for test in [
            "== '{}'",
            "!= '{}'",
            "in ['x', '{}']",
            ".startsWith('{}')",
            ".endsWith('{}')",
            ".contains('{}')",
        ] {
            let test = test.replace("{}", text);
            sources.push(format!("identity.tenant {test}").replace(" .", "."));
            sources.push(format!("request.headers['x-batch'] {test}").replace(" .", "."));
            sources.push(format!("request.headers['x-none'] {test}").replace(" .", "."));
        }
    }
    for source in sources {
        let condition = Condition::compile(&source, &names()).unwrap();
        for (tokens, tenant, score) in
            [(0, "", 0.0), (1, "acme", 0.25), (2, "me", 1.5), (u64::MAX, "acm", 2.0)]
        {
            let mut call = Call { score, ..call() };
            call.numbers.insert("chat.tokens".to_owned(), tokens);
            call.texts.insert("identity.tenant".to_owned(), tenant.to_owned());
            call.headers.insert("x-batch".to_owned(), tenant.to_owned());
            assert!(condition.shortcut.answer(&call).is_some(), "{source}");
            assert!(evaluated(&condition, &call).is_ok(), "{source}");
        }
    }
}

#[test]
fn what_teams_mostly_write_needs_no_interpreter() {
    for source in [
        "identity.tenant == 'acme' && chat.model.startsWith('gpt-4')",
        "chat.tokens > 100000",
        "request.headers['x-team'] in ['ads', 'billing', 'growth']",
        "chat.tools > 5 && !chat.schema",
        "(now.hour >= 22 || now.hour < 6) && budget.team_day > 0.5",
        "chat.model != 'o3' && (chat.model.endsWith('mini') || chat.model.contains('nano'))",
        "identity.tenant == 'other' && chat.level == 'high'",
        "chat.level == 'high' && identity.tenant == 'other'",
    ] {
        let condition = Condition::compile(source, &names()).unwrap();
        assert!(condition.shortcut.answer(&call()).is_some(), "{source}");
    }
    for source in [
        "chat.level == 'high'",
        "chat.tokens / chat.tools > 5",
        "identity.tenant == 'acme' && chat.level == 'low'",
    ] {
        let condition = Condition::compile(source, &names()).unwrap();
        assert_eq!(condition.shortcut.answer(&call()), None, "{source}");
    }
}

fn holds(source: &str) -> Result<bool, Undecided> {
    evaluated(
        &Condition::compile(source, &names()).unwrap_or_else(|error| panic!("{source}: {error}")),
        &call(),
    )
}

#[test]
fn a_condition_says_what_it_says() {
    for (source, expected) in [
        ("true", true),
        ("!chat.schema", false),
        ("identity.tenant == 'acme'", true),
        ("identity.team != \"search\"", false),
        ("identity.team in ['search', 'ads']", true),
        ("!(identity.team in ['ads'])", true),
        ("identity.team in []", false),
        ("'admins' in identity.groups && !('x' in identity.groups)", true),
        ("identity.groups.exists(group, group.startsWith('sea')) && size(identity.groups) == 2", true),
        ("identity.team in identity.groups", true),
        ("chat.tokens > 1000 && chat.tools == 2", true),
        ("chat.tokens > 1000.5", true),
        ("chat.score < 1", true),
        ("chat.score * 4.0 == 1.0", true),
        ("double(chat.tokens) / 1000.0 > 1.1", true),
        ("chat.tokens / 1000 == 1 && chat.tokens % 1000 == 200", true),
        ("-chat.tokens < 0", true),
        ("chat.model.startsWith('gpt-4') && !chat.model.endsWith('4o')", true),
        ("chat.model.contains('mini')", true),
        ("chat.model.matches('^gpt-[0-9]o')", true),
        ("chat.model.matches('^o[0-9]')", false),
        ("size(chat.model) == 11 && chat.model.size() == 11", true),
        ("request.headers['x-batch'] == 'nightly'", true),
        ("request.headers['x-team'] == ''", true),
        ("'x-batch' in request.headers && !('x-team' in request.headers)", true),
        ("now.hour >= 22 || now.hour < 6", true),
        ("now.weekday > 5", false),
        ("now.date < '2026-12-01'", true),
        ("chat.tools > 0 ? chat.level == 'low' : false", true),
        ("['gpt-4', 'o3'].exists(family, chat.model.startsWith(family))", true),
        ("['gpt-4', 'o3'].all(family, chat.model.startsWith(family))", false),
        ("[1, 2, 3].exists_one(n, n == chat.tools)", true),
        ("identity.tenant + '/' + identity.team == 'acme/search'", true),
        ("// nights\nnow.hour > 20", true),
        ("chat.images == 0 && chat.dialect == ''", true),
    ] {
        assert_eq!(holds(source), Ok(expected), "{source}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (source, line, column, message) in [
        ("chat.tier = 'small'", 1, 11, "="),
        ("chat.toks > 1", 1, 1, "did you mean `chat.tokens`?"),
        ("true &&\n  identity.teem == 'a'", 2, 3, "did you mean `identity.team`?"),
        ("tenant == 'a'", 1, 1, "there is no fact `tenant`; there are request.method"),
        ("chat == 'a'", 1, 1, "there is no fact `chat`; there are chat.operation"),
        ("chat.tokens", 1, 1, "a condition is true or false, and this is a whole number"),
        ("chat.tokens == 'many'", 1, 13, "`==` is not for a whole number and a text"),
        ("chat.tokens + 1.5 > 2.0", 1, 13, "`+` is not for a whole number and a number with a fraction"),
        ("identity.team && true", 1, 15, "`&&` is not for a text and true or false"),
        ("identity.team in 'abc'", 1, 15, "`in` asks whether a value is in a list"),
        ("identity.team in [1, 2]", 1, 15, "`in` asks whether a value is in a list"),
        ("chat.model in ['a', 1]", 1, 15, "a list holds a text, or it holds a whole number"),
        ("chat.model.startWith('a')", 1, 21, "there is no function `startWith`; there are startsWith"),
        ("startsWith(chat.model, 'a')", 1, 11, "functions of texts stand behind them"),
        ("chat.model.startsWith(1)", 1, 22, "`startsWith` is not for a text and a whole number"),
        ("chat.model.matches('(')", 1, 19, "the pattern cannot be used"),
        ("chat.model.matches(identity.team)", 1, 19, "a pattern is written out"),
        ("request.headers['X-Team'] == 'a'", 1, 16, "names of headers are lower case: `x-team`"),
        ("request.headers[identity.team] == 'a'", 1, 16, "the name of a header is written out"),
        ("has(identity.team)", 1, 4, "every fact is there"),
        ("request.headers == request.headers", 1, 17, "`==` is not for all headers and all headers"),
        ("['a'][0] == 'a'", 1, 6, "`[]` is only for `request.headers`"),
        ("[1].map(n, n) == [1]", 1, 8, "conditions make no lists"),
        ("[[1]].all(a, a.all(b, b > 0))", 1, 19, "cannot stand inside another one"),
        ("chat.model.exists(c, c == 'a')", 1, 18, "only a list can be walked through, and this is a text"),
        ("chat.model == b'a'", 1, 15, "facts are texts, numbers and true or false"),
        ("{'a': 1} == {'a': 1}", 1, 1, "conditions know texts, numbers"),
        ("", 1, 1, "CEL"),
    ] {
        let error = Condition::compile(source, &names()).expect_err(source);
        assert!(error.message.contains(message), "{source}: {error}");
        assert_eq!((error.line, error.column), (line, column), "{source}: {error}");
    }
}

#[test]
fn what_would_take_long_or_go_deep_is_refused() {
    for source in [
        format!("{}true{}", "(".repeat(17), ")".repeat(17)),
        format!("{}true", "!".repeat(17)),
        format!("{}true", "! ".repeat(17)),
        format!("{}1 > 2", "- ".repeat(18)),
        format!("1{} > 2", " + 1".repeat(60)),
        format!("{}true", "true ? true : ".repeat(100)),
        format!("chat.model == '{}'", "a".repeat(MAX_LENGTH)),
        format!("chat.model.matches('(a{{1,{}}}){{1,100}}')", 1000),
    ] {
        assert!(Condition::compile(&source, &names()).is_err(), "{source}");
    }
    let long = vec!["chat.model != 'a'"; 180].join(" && ");
    assert_eq!(holds(&long), Ok(true));
}

#[test]
fn arithmetic_without_a_result_decides_nothing() {
    for source in ["1 / (chat.tools - 2) == 1", "chat.tools % 0 == 1", "9223372036854775807 + chat.tools > 0"]
    {
        assert!(holds(source).is_err(), "{source}");
    }
    assert_eq!(holds("chat.tools == 2 || 1 / (chat.tools - 2) == 1"), Ok(true));
}

#[test]
fn a_condition_says_which_headers_it_reads() {
    let source = "request.headers['x-b'] == '' || 'x-a' in request.headers || request.headers['x-b'] == 'c'";
    let condition = Condition::compile(source, &names()).unwrap();
    assert_eq!(condition.headers().iter().map(String::as_str).collect::<Vec<_>>(), ["x-a", "x-b"]);
}

#[test]
fn the_reference_names_every_fact() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once("<!-- facts -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- /facts -->").unwrap();
    let kind = |kind| match kind {
        Kind::Bool => "true or false",
        Kind::Int => "whole number",
        Kind::Double => "number with a fraction",
        Kind::Text => "text",
        Kind::Texts => "texts",
        Kind::Headers => "texts by name",
    };
    let rows = FACTS.map(|(name, of, meaning)| format!("| `{name}` | {} | {meaning} |\n", kind(of)));
    let table = format!("| fact | is a | meaning |\n|---|---|---|\n{}", rows.concat());
    let current = format!("{before}<!-- facts -->\n{table}<!-- /facts -->{after}");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    assert!(page == current || std::env::var_os("UPDATE").is_some(), "UPDATE=1 cargo test writes it anew");
}

/// Parts of conditions, put together as they come.
fn piece() -> impl Strategy<Value = String> {
    words_of(&[
        "chat.tokens",
        "chat.score",
        "chat.model",
        "chat.schema",
        "identity.team",
        "request.headers",
        "'a'",
        "1",
        "0",
        "-1",
        "2.5",
        "true",
        "false",
        "null",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ",",
        ".",
        "?",
        ":",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        " in ",
        ".startsWith(",
        ".matches('^a')",
        ".exists(x, ",
        "size(",
        "has(",
        "x",
        "9223372036854775807",
        "b'a'",
        "1u",
        "\n",
        "//",
        "\"",
        "\\",
        "é",
        "'x-a'",
    ])
}

fn words_of(words: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

/// Conditions that mostly compile: numbers and texts compared, and such joined.
fn condition() -> impl Strategy<Value = String> {
    let number =
        words_of(&["chat.tokens", "chat.tools", "1", "0", "9223372036854775807", "size(chat.model)"]);
    let number = number.prop_recursive(3, 12, 2, |inner| {
        (inner.clone(), words_of(&["+", "-", "*", "/", "%"]), inner)
            .prop_map(|(a, op, b)| format!("({a} {op} {b})"))
    });
    let compared = (number.clone(), words_of(&["==", "<", ">=", "!="]), number)
        .prop_map(|(a, op, b)| format!("{a} {op} {b}"));
    let told = words_of(&[
        "chat.model.contains('mini')",
        "identity.team in ['search', '']",
        "request.headers['x-batch'].startsWith('n')",
        "['a', 'b'].exists(x, x == identity.tenant)",
        "chat.schema",
    ]);
    prop_oneof![compared, told].prop_recursive(4, 24, 2, |inner| {
        (inner.clone(), words_of(&["&&", "||"]), inner).prop_map(|(a, op, b)| format!("({a} {op} !({b}))"))
    })
}

proptest! {
    #[test]
    fn nothing_that_is_written_makes_reading_fail_otherwise_than_with_its_place(pieces in prop::collection::vec(piece(), 0..24)) {
        let source = pieces.concat();
        match Condition::compile(&source, &names()) {
            Ok(condition) => drop(evaluated(&condition, &call())),
            Err(error) => {
                prop_assert!(error.line >= 1 && error.column >= 1, "{source}: {error}");
                prop_assert!(error.line <= source.lines().count().max(1), "{source}: {error}");
            }
        }
    }

    #[test]
    fn no_call_makes_a_condition_fail_but_by_arithmetic(source in condition(), tokens: u64, tools: u64, model in ".{0,8}") {
        let condition = Condition::compile(&source, &names());
        let condition = condition.map_err(|error| TestCaseError::fail(format!("{source}: {error}")))?;
        let mut call = call();
        call.numbers.insert("chat.tokens".to_owned(), tokens);
        call.numbers.insert("chat.tools".to_owned(), tools);
        call.texts.insert("chat.model".to_owned(), model);
        if let Err(Undecided(why)) = evaluated(&condition, &call) {
            let is_arithmetic = ["Overflow", "zero"].iter().any(|word| why.contains(word));
            prop_assert!(is_arithmetic, "{source}: {why}");
        }
    }
}
