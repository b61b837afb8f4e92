use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};
use tokenizers::Tokenizer;
use tokenizers::models::wordpiece::WordPiece as ReferenceModel;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;

use super::*;

const VOCABULARY: &str = "model/sieve/vocab.txt";

fn ours() -> WordPiece {
    WordPiece::new(&std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(VOCABULARY)).unwrap()).unwrap()
}

/// The library that models of this family are published with, set up as `bert-base-uncased` is.
fn reference() -> impl Fn(&str) -> Vec<TokenId> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(VOCABULARY);
    let model = ReferenceModel::from_file(path.to_str().unwrap()).build().unwrap();
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_normalizer(Some(BertNormalizer::new(true, true, None, true))).unwrap();
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    move |text| tokenizer.encode(text, false).unwrap().get_ids().to_vec()
}

/// Text as people paste it: prose of several scripts, code, emoji, accents, marks, control characters, and anything else.
fn line() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        8 => "[a-zA-Z]{1,14}",
        3 => "[ \t\r\n]{1,3}",
        3 => "[0-9.,:%$€+-]{1,8}",
        2 => "[!-/:-@\\[-`{-~]{1,4}",
        2 => "[à-ÿÀ-ÞĀ-žſ-ƿ]{1,8}",
        2 => "[a-z\u{300}-\u{36f}]{1,8}",
        2 => "[\u{4e00}-\u{9fff}\u{3040}-\u{30ff}]{1,6}",
        1 => "[\u{3400}-\u{4dbf}\u{f900}-\u{faff}\u{20000}-\u{2ceaf}\u{2f800}-\u{2fa1f}]{1,3}",
        1 => "[\u{ac00}-\u{d7a3}\u{1100}-\u{11ff}]{1,4}",
        1 => "[\u{400}-\u{52f}]{1,9}",
        1 => "[\u{590}-\u{6ff}]{1,8}",
        1 => "[\u{900}-\u{dff}\u{e00}-\u{e7f}]{1,8}",
        1 => "[\u{370}-\u{3ff}\u{1f00}-\u{1fff}]{1,8}",
        1 => "[\u{1f300}-\u{1faff}\u{fe0f}\u{200d}\u{1f1e6}-\u{1f1ff}]{1,4}",
        1 => "[\u{0}-\u{1f}\u{7f}-\u{a0}]{1,3}",
        1 => "[\u{2000}-\u{206f}\u{fffd}\u{feff}\u{e000}\u{3000}\u{ad}]{1,3}",
        1 => proptest::collection::vec(any::<char>(), 1..4).prop_map(String::from_iter),
        1 => "[a-z0-9]{80,130}",
    ];
    proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

#[test]
fn ten_thousand_varied_lines_are_read_as_by_the_reference() {
    let (ours, reference) = (ours(), reference());
    let config = Config { cases: 10_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(
        config,
        TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    runner
        .run(&line(), |line| {
            prop_assert_eq!(ours.read(&line, usize::MAX), reference(&line), "{:?}", line);
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_more_tokens_are_read_than_asked_for() {
    let ours = ours();
    let text = "internationalisation of pseudorandomness ".repeat(50);
    let all = ours.read(&text, usize::MAX);
    for limit in [0, 1, 2, 3, 7, 100] {
        assert_eq!(ours.read(&text, limit), all[..limit.min(all.len())]);
    }
}

#[test]
fn a_vocabulary_without_the_unknown_token_is_refused() {
    assert_eq!(WordPiece::new(b"a\nb\n").unwrap_err(), VocabularyError::NoUnknown);
    assert_eq!(WordPiece::new(b"\xff").unwrap_err(), VocabularyError::NotText);
}

#[test]
fn line_ends_of_either_kind_are_understood() {
    let wordpiece = WordPiece::new(b"[UNK]\r\nhel\r\n##lo\r\n").unwrap();
    assert_eq!(wordpiece.read("Hello hel you", 9), [1, 2, 1, 0]);
}
