use proptest::prelude::*;

use super::*;
use crate::complexity::{Classify, Ground, HeadError, Level, Scorer, assess, encoder};
use crate::embedding::{EncoderSource, bundled};

fn learned() -> Classify {
    with(Head::bundled())
}

fn with(head: Head) -> Classify {
    let scorer = Scorer::Learned { head: head.into(), encoder: EncoderSource::Bundled };
    Classify { scorer, boundaries: Boundaries::LEARNED }
}

fn of_text(text: &str) -> Complexity {
    let classify = learned();
    assess(
        &classify,
        encoder(&classify).unwrap().as_deref(),
        text,
        &Shape { messages: 1, user_messages: 1, ..Shape::default() },
    )
}

#[test]
fn the_weights_in_the_module_fit_its_encoder() {
    let head = Head::bundled();
    assert_eq!(head.fits(&bundled().unwrap()), Ok(()));
    assert!(head.calibration.prompts > 6_000);
}

#[test]
fn weights_that_do_not_fit_the_encoder_are_refused() {
    let head = Head::bundled();
    let sieve = bundled().unwrap();
    let narrow = Head::new(&sieve, 0.0, vec![0.0; 30], head.ground.clone(), head.calibration.clone());
    let message = encoder(&with(narrow)).unwrap_err().to_string();
    assert!(message.contains("there are 30, and the encoder and the counts make 149"), "{message}");
    let mut groundless = head.clone();
    groundless.ground.centres[0].pop();
    assert_eq!(groundless.fits(&sieve), Err(HeadError::Ground));
    let vocabulary: &[u8] = include_bytes!("../../../model/sieve/vocab.txt");
    let renamed = String::from_utf8_lossy(vocabulary).replace("[unused1]", "[unused one]");
    let other =
        Sieve::load(renamed.as_bytes(), include_bytes!("../../../model/sieve/sieve.onnx").as_slice().into());
    assert_eq!(head.fits(&other.unwrap()), Err(HeadError::Encoder));
}

#[test]
fn an_encoder_that_cannot_be_loaded_says_why() {
    let given =
        EncoderSource::Given { vocabulary: b"[UNK]".as_slice().into(), graph: b"\xff".as_slice().into() };
    let scorer = Scorer::Learned { head: Head::bundled().into(), encoder: given };
    let message = encoder(&Classify { scorer, boundaries: Boundaries::LEARNED }).unwrap_err().to_string();
    assert!(message.starts_with("the encoder cannot be loaded: graph: this is no ONNX model"), "{message}");
}

#[test]
fn far_from_what_the_head_has_seen_the_heuristic_scores() {
    let mut head = Head::bundled();
    let sieve = bundled().unwrap();
    let text = "Write a haiku about autumn leaves in the garden.";
    let embedding = sieve.embed(text).unwrap();
    let scored = |ground: Ground| {
        head.ground = ground;
        assess(&with(head.clone()), Some(&sieve), text, &Shape::default()).score
    };
    let opposite = embedding.iter().map(|x| -x).collect();
    let mut scored = scored;
    let far = scored(Ground { centres: vec![opposite], near: 0.3 });
    let (heuristic, _) = heuristic::weigh(&Features::of(text), &Shape::default());
    assert!((far - Boundaries::HEURISTIC.rescale(heuristic, Boundaries::LEARNED)).abs() < 1e-9);
    let near = scored(Ground { centres: vec![embedding.clone()], near: 0.3 });
    let expected = Head::bundled();
    let learned =
        expected.calibration.share_below(expected.need(&crate::complexity::inputs(&sieve, text).unwrap()));
    assert!((near - learned).abs() < 1e-9);
}

#[test]
fn the_shape_of_the_conversation_raises_the_score() {
    let classify = learned();
    let sieve = encoder(&classify).unwrap();
    let text = "What about this one?";
    let plain = assess(&classify, sieve.as_deref(), text, &Shape::default());
    let tools =
        assess(&classify, sieve.as_deref(), text, &Shape { tools: 10, images: 2, ..Shape::default() });
    assert!(tools.score > plain.score);
    assert!(tools.reasons.contains(&Signal::Tools));
}

#[test]
fn without_the_encoder_or_a_text_levels_are_those_of_the_heuristic() {
    let heuristic = Classify { scorer: Scorer::Heuristic, boundaries: Boundaries::HEURISTIC };
    for tools in [0, 1, 5, 40] {
        let shape = Shape { tools, images: tools, ..Shape::default() };
        for text in ["", "Why?", "Prove that there are infinitely many primes.", "Why is the sky blue?"] {
            let expected = assess(&heuristic, None, text, &shape).level;
            assert_eq!(assess(&learned(), None, text, &shape).level, expected, "{text} {tools}");
            if text.len() < 5 {
                assert_eq!(
                    assess(&learned(), bundled().ok().as_deref(), text, &shape).level,
                    expected,
                    "{text} {tools}"
                );
            }
        }
    }
}

#[test]
fn a_word_alone_asks_for_nothing() {
    for text in ["", "Prove", "hi", "Why?"] {
        assert_eq!(of_text(text).level, Level::Low, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn manners_case_and_layout_change_nothing(words in proptest::collection::vec("[a-z]{2,9}", 2..30), gap in "[ \n\t]{1,3}") {
        let plain = of_text(&words.join(" "));
        prop_assert_eq!(&of_text(&words.join(gap.as_str())), &plain);
        prop_assert_eq!(&of_text(&words.join(" ").to_uppercase()), &plain);
        prop_assert_eq!(&of_text(&format!("Hello, please {}, thank you!", words.join(" "))), &plain);
    }

    #[test]
    fn any_text_has_a_score(text in any::<String>()) {
        let found = of_text(&text);
        prop_assert!((0.0..=1.0).contains(&found.score));
    }
}
