use serde::Deserialize;

use super::*;
use crate::embedding::bundled;

fn product(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn the_numbers_are_those_of_the_reference_engine() {
    #[derive(Deserialize)]
    struct Sample {
        text: String,
        embedding: Embedding,
    }
    let samples: Vec<Sample> =
        serde_json::from_str(include_str!("../../../model/sieve/expected.json")).unwrap();
    assert!(samples.len() > 5);
    for Sample { text, embedding } in samples {
        let ours = bundled().unwrap().embed(&text).unwrap();
        assert_eq!(ours.len(), embedding.len());
        for (ours, theirs) in ours.iter().zip(&embedding) {
            assert!((ours - theirs).abs() < 1e-3, "{text}: {ours} {theirs}");
        }
    }
}

#[test]
fn the_graph_in_the_module_is_one_operation() {
    assert!(matches!(bundled().unwrap().graph, Graph::Operation(_)));
}

#[test]
fn what_asks_for_the_same_is_near() {
    let embed = |text| bundled().unwrap().embed(text).unwrap();
    let question = embed("How do I reset my password?");
    assert!(product(&question, &embed("I forgot my password, how can I reset it?")) > 0.7);
    assert!(product(&question, &embed("What is the capital of France?")) < 0.4);
}

#[test]
fn politeness_case_and_layout_change_nothing() {
    let embed = |text| bundled().unwrap().embed(text).unwrap();
    let plain = embed("explain the tax on imported cars");
    for asked in [
        "Hello! Please explain the tax on imported cars. Thanks.",
        "explain the tax on imported cars, thank you",
        "EXPLAIN the TAX on imported cars!!!",
        "\n\n  explain\tthe tax\r\n on imported   cars ",
    ] {
        assert_eq!(embed(asked), plain, "{asked}");
    }
}

#[test]
fn nothing_to_go_by_has_no_direction() {
    for text in ["", "   ", "\u{0}"] {
        assert_eq!(bundled().unwrap().embed(text), None);
    }
    assert!(bundled().unwrap().embed("Hi!").is_some());
}

#[test]
fn of_a_long_text_both_ends_are_read() {
    let sieve = bundled().unwrap();
    let paste = "lorem ipsum dolor ".repeat(3_000);
    let embed = |text: &str| sieve.embed(text).unwrap();
    let bare = embed(&paste);
    assert_ne!(embed(&format!("Translate into French: {paste}")), bare);
    assert_ne!(embed(&format!("{paste} Translate into French")), bare);
    assert_eq!(embed(&format!("{paste}translate{paste}")), bare);
    assert_eq!(sieve.tokens(&paste).len(), LONGEST);
    let han = "\u{4e00}".repeat(1_000);
    assert_ne!(embed(&format!("{han} Translate into French")), embed(&han));
    assert_eq!(sieve.tokens(&han).len(), LONGEST);
}

#[test]
fn a_graph_that_does_not_fit_is_refused_with_advice() {
    let refused = |vocabulary: &[u8], graph: &'static [u8]| {
        Sieve::load(vocabulary, Bytes::from_static(graph)).unwrap_err().to_string()
    };
    assert!(refused(b"a\n", b"").contains("[UNK]"));
    assert!(refused(b"[UNK]\n", b"").contains("`input_ids`"));
    assert!(refused(b"[UNK]\n", b"\xff\xff").contains("no ONNX model"));
    let vocabulary = format!("[UNK]\n{}", "x\n".repeat(40_000));
    let shipped = include_bytes!("../../../model/sieve/sieve.onnx");
    assert!(refused(vocabulary.as_bytes(), shipped).contains("belong together"));
}
