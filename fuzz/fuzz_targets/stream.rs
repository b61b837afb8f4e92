//! A stream is translated and observed without a panic, and to the same bytes wherever it is split. The first two bytes choose
//! where.

#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use llm_arbiter::chat::observe::{Observer, Wanted};
use llm_arbiter::chat::redress::Redress;
use llm_arbiter::chat::translate::{Given, StreamTranslator};
use llm_arbiter::chat::{AnswerHead, Caller, Operation, Format};

const GIVEN: Given<'_> = Given { model: "m", at: Duration::from_secs(7), redress: &Redress::NONE };

fuzz_target!(|input: &[u8]| {
    let Some((cuts, stream)) = input.split_first_chunk::<2>() else { return };
    let first = usize::from(cuts[0]) * stream.len() / 255;
    let second = first + usize::from(cuts[1]) * (stream.len() - first) / 255;
    let pieces = [&stream[..first], &stream[first..second], &stream[second..]];
    for caller in Caller::ALL {
        for format in [Format::OpenAi, Format::Anthropic, Format::Gemini] {
            let mut whole = StreamTranslator::new(format, caller, GIVEN);
            let mut split = StreamTranslator::new(format, caller, GIVEN);
            let mut expected = whole.feed(stream, false);
            expected.extend(whole.feed(&[], true));
            let mut translated: Vec<u8> = pieces.iter().flat_map(|piece| split.feed(piece, false)).collect();
            translated.extend(split.feed(&[], true));
            assert_eq!(translated, expected);
        }
    }
    let head = AnswerHead { status: 200, content_type: "text/event-stream", ..AnswerHead::default() };
    for caller in Caller::ALL {
        for strip_usage in [false, true] {
            let observer = || Observer::new(&head, caller, &Operation::Chat, Wanted { strip_usage, keep_bytes: 1000 });
            let (mut whole, mut split) = (observer(), observer());
            whole.feed(stream.to_vec(), true);
            for (i, piece) in pieces.iter().enumerate() {
                split.feed(piece.to_vec(), i == 2);
            }
            assert_eq!(split.finish(), whole.finish());
        }
    }
});
