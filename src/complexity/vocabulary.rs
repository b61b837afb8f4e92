//! English words that tell what a prompt asks for.
//!
//! Prompts in other languages are judged by the signals that need no vocabulary: length, code, notation, numbered items,
//! questions, and the conversation's shape. Technical terms are often English in any language.

/// What a word hints at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// Politeness: no content.
    Courtesy,
    /// Asks for judgement, design or repair.
    Demanding,
    /// A term of software, data or operations.
    Technical,
    /// A keyword of a programming language that is no English word.
    Code,
    /// The announcement of a stack trace.
    Trace,
    /// One step among several.
    Sequence,
    /// A condition on the answer.
    Constraint,
    /// A term of mathematics or formal science.
    Math,
    /// Asks for a proof or a derivation.
    Proof,
    /// Asks for a long or thorough answer.
    Thorough,
    /// How many or how much, compared or combined, as word problems say it.
    Quantity,
}

/// What the words hint at.
#[rustfmt::skip] // One paragraph of words for each topic, not one line for each word.
const VOCABULARY: &[(Topic, &[&str])] = &[
    (Topic::Courtesy, &[
        "please", "thanks", "thank", "kindly", "hello", "hi", "hey", "cheers", "regards",
    ]),
    (Topic::Demanding, &[
        "analyze", "analyse", "analyzing", "analysis", "assess", "evaluate", "evaluation", "critique",
        "compare", "contrast", "tradeoff", "tradeoffs", "justify", "argue", "critically", "design",
        "architect", "plan", "strategy", "roadmap", "propose", "recommend", "implement", "develop",
        "refactor", "rewrite", "migrate", "optimize", "optimise", "improve", "debug", "diagnose",
        "troubleshoot", "investigate", "fix", "deadlock", "why", "infer", "deduce", "reason", "reasoning",
        "implications", "synthesize",
    ]),
    (Topic::Technical, &[
        "algorithm", "algorithms", "architecture", "complexity", "concurrency", "concurrent", "thread",
        "threads", "async", "asynchronous", "mutex", "race", "parallel", "distributed", "consensus",
        "consistency", "replication", "sharding", "latency", "throughput", "scalable", "scalability",
        "microservice", "microservices", "backend", "frontend", "api", "apis", "rest", "grpc", "graphql",
        "http", "tls", "oauth", "authentication", "authorization", "encryption", "vulnerability",
        "database", "sql", "postgres", "postgresql", "mysql", "mongodb", "redis", "kafka", "schema",
        "query", "index", "transaction", "transactions", "cache", "caching", "lru", "ttl", "kubernetes",
        "docker", "terraform", "aws", "gcp", "azure", "envoy", "nginx", "linux", "kernel", "compiler",
        "runtime", "memory", "allocator", "pointer", "recursion", "recursive", "regex", "parser", "json",
        "yaml", "xml", "python", "rust", "javascript", "typescript", "java", "golang", "kotlin", "haskell",
        "react", "django", "pytorch", "tensorflow", "function", "class", "interface", "refactoring",
        "regression", "classifier", "neural", "transformer", "embedding", "embeddings", "gradient",
        "dataset", "hyperparameters", "statistical", "statistically",
    ]),
    (Topic::Code, &[
        "def", "elif", "fn", "impl", "struct", "enum", "const", "func", "println", "printf", "stdout",
        "stderr", "null", "nullptr", "nil", "void", "bool", "int", "usize", "vec", "str", "args", "kwargs",
        "foreach", "typeof", "instanceof", "href", "div", "varchar", "argv",
    ]),
    (Topic::Trace, &[
        "traceback", "stacktrace", "segfault", "sigsegv", "coredump", "panicked",
    ]),
    (Topic::Sequence, &[
        "first", "firstly", "second", "secondly", "third", "thirdly", "then", "next", "finally",
        "afterwards", "afterward", "step", "steps", "stepwise", "subsequently", "lastly",
    ]),
    (Topic::Constraint, &[
        "must", "mustn", "without", "exactly", "ensure", "constraint", "constraints", "requirement",
        "requirements", "should", "shouldn", "only", "unless", "except", "avoid", "never", "always",
        "minimize", "maximize", "minimum", "maximum",
    ]),
    (Topic::Math, &[
        "theorem", "integral", "integrate", "derivative", "differentiate", "differential", "equation",
        "equations", "polynomial", "matrix", "eigenvalue", "eigenvalues", "eigenvector", "eigenvectors",
        "vector", "vectors", "probability", "variance", "bayesian", "limit", "convergence", "converges",
        "irrational", "sqrt", "prime", "primes", "modulo", "homomorphism", "isomorphic", "subgroup",
        "abelian", "logarithm", "asymptotic", "combinatorics", "permutation", "permutations", "calculus",
        "algebra", "geometry", "triangle", "solve", "calculate", "compute", "entropy", "quantum",
    ]),
    (Topic::Proof, &[
        "prove", "proof", "proofs", "disprove", "lemma", "corollary", "derive", "derivation",
        "contradiction",
    ]),
    (Topic::Thorough, &[
        "detailed", "detail", "depth", "comprehensive", "thorough", "thoroughly", "exhaustive", "essay",
        "report", "whitepaper", "tutorial", "chapter", "elaborate", "extensively", "complete",
    ]),
    (Topic::Quantity, &[
        "each", "every", "half", "twice", "total", "remaining", "per", "percent", "many", "much", "more", "less",
        "than", "times", "left", "altogether", "quarter", "double", "triple",
    ]),
];

/// Slots of the table; a power of two, so many more than words that most words that are not in it meet an empty slot.
const SLOTS: usize = 4096;

/// The vocabulary by hash, with linear probing. Built at compile time: every word of every prompt is looked up.
static TABLE: [Option<(&str, Topic)>; SLOTS] = table();

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated at compile time")]
const fn table() -> [Option<(&'static str, Topic)>; SLOTS] {
    let mut table = [None; SLOTS];
    let mut paragraph = 0;
    while paragraph < VOCABULARY.len() {
        let (topic, words) = VOCABULARY[paragraph];
        let mut index = 0;
        while index < words.len() {
            let mut slot = slot_of(words[index].as_bytes());
            while table[slot].is_some() {
                slot = next(slot);
            }
            table[slot] = Some((words[index], topic));
            index += 1;
        }
        paragraph += 1;
    }
    table
}

/// Which slots are taken, a bit each: a prompt's words meet empty slots nearly always, and this much stays in the nearest cache.
static TAKEN: [u64; SLOTS / 64] = taken();

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated at compile time")]
const fn taken() -> [u64; SLOTS / 64] {
    let mut taken = [0; SLOTS / 64];
    let mut slot = 0;
    while slot < SLOTS {
        if TABLE[slot].is_some() {
            taken[slot / 64] |= 1 << (slot % 64);
        }
        slot += 1;
    }
    taken
}

/// Whether something stands in a slot.
fn is_taken(slot: usize) -> bool {
    TAKEN.get(slot / 64).is_some_and(|bits| bits & (1 << (slot % 64)) != 0)
}

/// Where a word of ASCII letters and digits is looked for first, whatever its case: its length, its first two and its last two
/// letters.
#[expect(clippy::cast_possible_truncation, reason = "only the low bits of the length matter")]
const fn slot_of(word: &[u8]) -> usize {
    let (first, second, third, last) = match word {
        [] => (0, 0, 0, 0),
        [only] => (*only, 0, 0, 0),
        [first, last] => (*first, 0, 0, *last),
        [first, last_but_one, last] => (*first, 0, *last_but_one, *last),
        [first, second, .., last_but_one, last] => (*first, *second, *last_but_one, *last),
    };
    // The bit that tells lower from upper case; digits have it.
    let letters = u32::from_le_bytes([first, second, third, last]) | 0x2020_2020;
    let mixed = (letters ^ ((word.len() as u32) << 5)).wrapping_mul(0x9e37_79b1);
    (mixed >> 20) as usize % SLOTS
}

const fn next(slot: usize) -> usize {
    slot.wrapping_add(1) % SLOTS
}

/// What `word`, of ASCII letters and digits in any case, hints at.
pub(super) fn topic(word: &[u8]) -> Option<Topic> {
    let mut slot = slot_of(word);
    while is_taken(slot) {
        if let Some(Some((known, topic))) = TABLE.get(slot)
            && known.as_bytes().eq_ignore_ascii_case(word)
        {
            return Some(*topic);
        }
        slot = next(slot);
    }
    names_an_exception(word).then_some(Topic::Trace)
}

/// `ValueError`, `NullPointerException`: too many to list, and no English word is so long and ends so.
fn names_an_exception(word: &[u8]) -> bool {
    const SHORTEST: usize = "KeyError".len();
    let ends_in = |end: &[u8]| {
        let at = word.len().checked_sub(end.len());
        at.and_then(|at| word.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    word.len() >= SHORTEST && (ends_in(b"error") || word.len() > "exception".len() && ends_in(b"exception"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_vocabulary_is_found_and_no_other() {
        for (topic_of_words, words) in VOCABULARY {
            for word in *words {
                assert_eq!(topic(word.as_bytes()), Some(*topic_of_words), "{word}");
                assert_eq!(topic(word.to_uppercase().as_bytes()), Some(*topic_of_words), "{word}");
                assert_eq!(topic(format!("{word}x").as_bytes()), None, "{word}x");
            }
        }
        assert_eq!(topic(b""), None);
    }
}
