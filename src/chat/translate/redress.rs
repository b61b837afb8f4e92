//! What must be put right in an answer, because its provider was asked in another way than its caller had.

use crate::chat::answer::{Answer, AnswerPart, Finish, StreamEvent};
use crate::chat::redress::{ANSWER_TOOL, Redress};

/// Puts a whole answer right.
pub(super) fn apply(answer: &mut Answer, redress: &Redress) {
    if redress.answers_by_tool {
        for part in &mut answer.parts {
            if let AnswerPart::ToolCall { name, arguments, .. } = part
                && name == ANSWER_TOOL
            {
                *part = AnswerPart::Text(std::mem::take(arguments));
            }
        }
    }
    let is_call = |part: &AnswerPart| matches!(part, AnswerPart::ToolCall { .. });
    if redress.one_call {
        let mut is_first = true;
        answer.parts.retain(|part| !is_call(part) || std::mem::take(&mut is_first));
    }
    if redress.answers_by_tool && answer.finish == Finish::ToolCalls && !answer.parts.iter().any(is_call) {
        answer.finish = Finish::Stop;
    }
}

/// Puts a stream right, event by event.
#[derive(Debug, Default)]
pub(super) struct Stream {
    answers_by_tool: bool,
    one_call: bool,
    /// The call whose arguments are the answer.
    answer: Option<u32>,
    /// The first call that is one.
    call: Option<u32>,
}

impl Stream {
    pub(super) fn new(redress: &Redress) -> Self {
        let Redress { answers_by_tool, one_call, .. } = *redress;
        Self { answers_by_tool, one_call, ..Self::default() }
    }

    /// What the caller is told in the place of an event; `None`: nothing.
    pub(super) fn apply(&mut self, event: StreamEvent) -> Option<StreamEvent> {
        let is_left_out =
            |index: u32, call: Option<u32>| self.one_call && call.is_some_and(|call| call != index);
        match event {
            StreamEvent::ToolCall { index, name, .. } if self.answers_by_tool && name == ANSWER_TOOL => {
                self.answer = Some(index);
                None
            }
            StreamEvent::ToolCall { index, .. } if is_left_out(index, self.call) => None,
            StreamEvent::ToolCall { index, .. } => {
                self.call.get_or_insert(index);
                Some(event)
            }
            StreamEvent::Arguments { index, json } if self.answer == Some(index) => {
                Some(StreamEvent::Text(json))
            }
            StreamEvent::Arguments { index, .. } if is_left_out(index, self.call) => None,
            StreamEvent::Finish(Finish::ToolCalls) if self.answer.is_some() && self.call.is_none() => {
                Some(StreamEvent::Finish(Finish::Stop))
            }
            other => Some(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: &str) -> AnswerPart {
        AnswerPart::ToolCall { id: name.to_owned(), name: name.to_owned(), arguments: arguments.to_owned() }
    }

    /// What a caller is told of a whole answer, and of the same as a stream: the parts, and why it ended.
    fn told(parts: Vec<AnswerPart>, redress: &Redress) -> [(Vec<AnswerPart>, Finish); 2] {
        let mut answer = Answer { parts: parts.clone(), finish: Finish::ToolCalls, ..Answer::default() };
        apply(&mut answer, redress);
        let mut stream = Stream::new(redress);
        let (mut said, mut ended) = (Vec::new(), Finish::Length);
        let events = (0..).zip(parts).flat_map(|(index, part)| match part {
            AnswerPart::ToolCall { id, name, arguments } => {
                vec![
                    StreamEvent::ToolCall { index, id, name },
                    StreamEvent::Arguments { index, json: arguments },
                ]
            }
            AnswerPart::Text(text) => vec![StreamEvent::Text(text)],
            AnswerPart::Thinking(_) | AnswerPart::Refusal(_) => Vec::new(),
        });
        for event in events.chain([StreamEvent::Finish(Finish::ToolCalls)]) {
            match stream.apply(event) {
                Some(StreamEvent::Text(text)) => said.push(AnswerPart::Text(text)),
                Some(StreamEvent::ToolCall { name, .. }) => said.push(call(&name, "")),
                Some(StreamEvent::Arguments { json, .. }) => {
                    if let Some(AnswerPart::ToolCall { arguments, .. }) = said.last_mut() {
                        arguments.push_str(&json);
                    }
                }
                Some(StreamEvent::Finish(finish)) => ended = finish,
                _ => {}
            }
        }
        [(answer.parts, answer.finish), (said, ended)]
    }

    #[test]
    fn an_answer_that_comes_by_a_tool_is_a_text() {
        let redress = Redress { answers_by_tool: true, ..Redress::default() };
        for told in told(vec![call(ANSWER_TOOL, "{\"a\":1}")], &redress) {
            assert_eq!(told, (vec![AnswerPart::Text("{\"a\":1}".into())], Finish::Stop));
        }
        for told in told(vec![call("weather", "{}")], &redress) {
            assert_eq!(told, (vec![call("weather", "{}")], Finish::ToolCalls));
        }
        for told in told(vec![call(ANSWER_TOOL, "{}")], &Redress::NONE) {
            assert_eq!(told, (vec![call(ANSWER_TOOL, "{}")], Finish::ToolCalls));
        }
    }

    #[test]
    fn where_one_call_was_wanted_only_the_first_is_passed_on() {
        let redress = Redress { one_call: true, ..Redress::default() };
        let parts = vec![AnswerPart::Text("I look.".into()), call("a", "{}"), call("b", "{\"x\":1}")];
        for (said, finish) in told(parts, &redress) {
            assert_eq!(said, [AnswerPart::Text("I look.".into()), call("a", "{}")]);
            assert_eq!(finish, Finish::ToolCalls);
        }
    }
}
