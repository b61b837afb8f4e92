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
}

/// What `word`, in ASCII lower case, hints at.
#[rustfmt::skip] // One paragraph of words for each topic, not one line for each word.
pub(super) fn topic(word: &[u8]) -> Option<Topic> {
    Some(match word {
        b"please" | b"thanks" | b"thank" | b"kindly" | b"hello" | b"hi" | b"hey" | b"cheers" | b"regards" => Topic::Courtesy,

        b"analyze" | b"analyse" | b"analyzing" | b"analysis" | b"assess" | b"evaluate" | b"evaluation" | b"critique"
        | b"compare" | b"contrast" | b"tradeoff" | b"tradeoffs" | b"justify" | b"argue" | b"critically"
        | b"design" | b"architect" | b"plan" | b"strategy" | b"roadmap" | b"propose" | b"recommend"
        | b"implement" | b"develop" | b"refactor" | b"rewrite" | b"migrate" | b"optimize" | b"optimise" | b"improve"
        | b"debug" | b"diagnose" | b"troubleshoot" | b"investigate" | b"fix" | b"deadlock" | b"why"
        | b"infer" | b"deduce" | b"reason" | b"reasoning" | b"implications" | b"synthesize" => Topic::Demanding,

        b"algorithm" | b"algorithms" | b"architecture" | b"complexity" | b"concurrency" | b"concurrent" | b"thread"
        | b"threads" | b"async" | b"asynchronous" | b"mutex" | b"race" | b"parallel" | b"distributed" | b"consensus"
        | b"consistency" | b"replication" | b"sharding" | b"latency" | b"throughput" | b"scalable" | b"scalability"
        | b"microservice" | b"microservices" | b"backend" | b"frontend" | b"api" | b"apis" | b"rest" | b"grpc" | b"graphql"
        | b"http" | b"tls" | b"oauth" | b"authentication" | b"authorization" | b"encryption" | b"vulnerability"
        | b"database" | b"sql" | b"postgres" | b"postgresql" | b"mysql" | b"mongodb" | b"redis" | b"kafka" | b"schema"
        | b"query" | b"index" | b"transaction" | b"transactions" | b"cache" | b"caching" | b"lru" | b"ttl"
        | b"kubernetes" | b"docker" | b"terraform" | b"aws" | b"gcp" | b"azure" | b"envoy" | b"nginx" | b"linux" | b"kernel"
        | b"compiler" | b"runtime" | b"memory" | b"allocator" | b"pointer" | b"recursion" | b"recursive"
        | b"regex" | b"parser" | b"json" | b"yaml" | b"xml" | b"python" | b"rust" | b"javascript" | b"typescript" | b"java"
        | b"golang" | b"kotlin" | b"haskell" | b"react" | b"django" | b"pytorch" | b"tensorflow" | b"function" | b"class"
        | b"interface" | b"refactoring" | b"regression" | b"classifier" | b"neural" | b"transformer" | b"embedding"
        | b"embeddings" | b"gradient" | b"dataset" | b"hyperparameters" | b"statistical" | b"statistically" => Topic::Technical,

        b"def" | b"elif" | b"fn" | b"impl" | b"struct" | b"enum" | b"const" | b"func" | b"println" | b"printf" | b"stdout"
        | b"stderr" | b"null" | b"nullptr" | b"nil" | b"void" | b"bool" | b"int" | b"usize" | b"vec" | b"str" | b"args"
        | b"kwargs" | b"foreach" | b"typeof" | b"instanceof" | b"href" | b"div" | b"varchar" | b"argv" => Topic::Code,

        b"traceback" | b"stacktrace" | b"segfault" | b"sigsegv" | b"coredump" | b"panicked" => Topic::Trace,

        b"first" | b"firstly" | b"second" | b"secondly" | b"third" | b"thirdly" | b"then" | b"next" | b"finally"
        | b"afterwards" | b"afterward" | b"step" | b"steps" | b"stepwise" | b"subsequently" | b"lastly" => Topic::Sequence,

        b"must" | b"mustn" | b"without" | b"exactly" | b"ensure" | b"constraint" | b"constraints" | b"requirement"
        | b"requirements" | b"should" | b"shouldn" | b"only" | b"unless" | b"except" | b"avoid" | b"never" | b"always"
        | b"minimize" | b"maximize" | b"minimum" | b"maximum" => Topic::Constraint,

        b"theorem" | b"integral" | b"integrate" | b"derivative" | b"differentiate" | b"differential" | b"equation"
        | b"equations" | b"polynomial" | b"matrix" | b"eigenvalue" | b"eigenvalues" | b"eigenvector" | b"eigenvectors" | b"vector" | b"vectors"
        | b"probability" | b"variance" | b"bayesian" | b"limit" | b"convergence" | b"converges" | b"irrational" | b"sqrt"
        | b"prime" | b"primes" | b"modulo" | b"homomorphism" | b"isomorphic" | b"subgroup" | b"abelian" | b"logarithm"
        | b"asymptotic" | b"combinatorics" | b"permutation" | b"permutations" | b"calculus" | b"algebra" | b"geometry"
        | b"triangle" | b"solve" | b"calculate" | b"compute" | b"entropy" | b"quantum" => Topic::Math,

        b"prove" | b"proof" | b"proofs" | b"disprove" | b"lemma" | b"corollary" | b"derive" | b"derivation"
        | b"contradiction" => Topic::Proof,

        b"detailed" | b"detail" | b"depth" | b"comprehensive" | b"thorough" | b"thoroughly" | b"exhaustive" | b"essay"
        | b"report" | b"whitepaper" | b"tutorial" | b"chapter" | b"elaborate" | b"extensively" | b"complete" => Topic::Thorough,

        _ => return names_an_exception(word).then_some(Topic::Trace),
    })
}

/// `ValueError`, `NullPointerException`: too many to list, and no English word is so long and ends so.
fn names_an_exception(word: &[u8]) -> bool {
    const SHORTEST: usize = "KeyError".len();
    word.len() >= SHORTEST
        && (word.ends_with(b"error") || word.ends_with(b"exception") && word.len() > "exception".len())
}
