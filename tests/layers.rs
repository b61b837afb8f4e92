//! What may import what: folders depend inward only, and no two files depend on each other in a circle.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::Visit;

/// Every folder or file at the top of `src/`, and what it may import, innermost first.
const LAYERS: [(&str, &[&str]); 19] = [
    ("host", &[]),
    ("chat", &[]),
    ("envoy", &[]),
    ("calendar", &[]),
    ("condition", &[]),
    ("identity", &[]),
    ("ledger", &["calendar", "chat", "host"]),
    ("embedding", &[]),
    ("semantic", &["embedding"]),
    ("complexity", &["chat", "embedding"]),
    ("admission", &["chat"]),
    ("cache", &["chat", "embedding", "host", "identity", "semantic"]),
    ("sharing", &["cache", "chat"]),
    (
        "policy",
        &[
            "admission",
            "cache",
            "calendar",
            "chat",
            "complexity",
            "condition",
            "embedding",
            "envoy",
            "identity",
            "ledger",
            "sharing",
        ],
    ),
    (
        "routing",
        &[
            "cache",
            "calendar",
            "chat",
            "complexity",
            "condition",
            "embedding",
            "identity",
            "ledger",
            "policy",
            "semantic",
        ],
    ),
    ("telemetry", &["calendar", "chat", "complexity", "host", "ledger", "policy", "routing"]),
    (
        "filter",
        &[
            "admission",
            "cache",
            "calendar",
            "chat",
            "complexity",
            "embedding",
            "envoy",
            "host",
            "identity",
            "ledger",
            "policy",
            "routing",
            "sharing",
            "telemetry",
        ],
    ),
    ("entry", &["filter", "host"]),
    ("lib", &[]),
];

/// Folders of `src/chat/` that hold what is known of a dialect: outside `chat` nobody names them.
const DIALECTS: [&str; 3] = ["chat::anthropic", "chat::gemini", "chat::openai"];

/// A module: what it makes known under another path, and what it names.
#[derive(Default)]
struct Module {
    /// Name here -> path of what it stands for.
    reexports: BTreeMap<String, Vec<String>>,
    imports: BTreeSet<Vec<String>>,
    /// Names that an import gives to what has another one: new, old.
    renames: Vec<(String, String)>,
}

/// The modules of the crate by their paths, `chat::openai` for example; what only tests see is left out.
fn modules() -> BTreeMap<String, Module> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = BTreeMap::new();
    read_folder(&root, &root, &mut modules);
    modules
}

fn read_folder(root: &Path, folder: &Path, modules: &mut BTreeMap<String, Module>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if path != root.join("bin") {
                read_folder(root, &path, modules);
            }
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let relative = path.strip_prefix(root).expect("under the root").with_extension("");
        let mut segments: Vec<String> =
            relative.iter().map(|segment| segment.to_str().expect("UTF-8").to_owned()).collect();
        if segments.iter().any(|segment| segment == "tests") {
            continue;
        }
        segments.pop_if(|last| last == "mod");
        let text = std::fs::read_to_string(&path).expect("a source file");
        let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut reader = Reader { here: segments.clone(), module: Module::default() };
        reader.visit_file(&file);
        modules.insert(segments.join("::"), reader.module);
    }
}

struct Reader {
    here: Vec<String>,
    module: Module,
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl Reader {
    /// A path from the crate's root; `None` when it leads outside the crate.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base = self.here.clone();
        let mut rest = path;
        match path.first().map(String::as_str) {
            Some("crate") => base.clear(),
            Some("self") => {}
            Some("super") => drop(base.pop()),
            _ => return None,
        }
        rest = &rest[1..];
        while rest.first().is_some_and(|segment| segment == "super") {
            base.pop();
            rest = &rest[1..];
        }
        base.extend(rest.iter().cloned());
        Some(base)
    }

    fn names(tree: &syn::UseTree, before: &[String], found: &mut Vec<(String, Vec<String>)>) {
        let with = |segment: &syn::Ident| [before, &[segment.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => Self::names(&path.tree, &with(&path.ident), found),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| Self::names(item, before, found));
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                found.push((before.last().cloned().unwrap_or_default(), before.to_vec()));
            }
            syn::UseTree::Name(name) => found.push((name.ident.to_string(), with(&name.ident))),
            syn::UseTree::Rename(rename) => found.push((rename.rename.to_string(), with(&rename.ident))),
            syn::UseTree::Glob(_) => found.push(("*".to_owned(), before.to_vec())),
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            syn::visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if is_test(&item.attrs) {
            return;
        }
        let mut found = Vec::new();
        Self::names(&item.tree, &[], &mut found);
        let is_reexport = !matches!(item.vis, syn::Visibility::Inherited);
        for (name, path) in found {
            let original = path.last().cloned().unwrap_or_default();
            if name != original && name != "*" && name != "_" {
                self.module.renames.push((name.clone(), original));
            }
            // What a module lifts out of its own children has no prefix.
            let path = match path.first().map(String::as_str) {
                Some("crate" | "self" | "super") => path,
                _ if is_reexport => [&["self".to_owned()], path.as_slice()].concat(),
                _ => continue,
            };
            let Some(path) = self.absolute(&path) else { continue };
            if is_reexport {
                self.module.reexports.insert(name, path);
            } else {
                self.module.imports.insert(path);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.module.imports.extend(self.absolute(&segments));
        }
        syn::visit::visit_path(self, path);
    }
}

/// The module that defines what a path names, through whatever re-exports.
fn definer(modules: &BTreeMap<String, Module>, path: &[String]) -> Option<String> {
    let (name, module) = (0..=path.len())
        .rev()
        .filter_map(|length| modules.get_key_value(&path[..length].join("::")))
        .next()?;
    let depth = if name.is_empty() { 0 } else { name.split("::").count() };
    let reexported = path.get(depth).and_then(|segment| module.reexports.get(segment));
    match reexported {
        Some(target) if target != path => {
            definer(modules, &[target.as_slice(), &path[depth.saturating_add(1)..]].concat())
        }
        _ => Some(name.clone()),
    }
}

/// Module -> modules that it depends on.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let modules = modules();
    let of = |name: &String, module: &Module| {
        let targets = module.imports.iter().filter_map(|path| definer(&modules, path));
        targets.filter(|target| target != name).collect::<BTreeSet<_>>()
    };
    modules.iter().map(|(name, module)| (name.clone(), of(name, module))).collect()
}

fn top(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

#[test]
fn folders_depend_inward_only() {
    let known: BTreeMap<&str, &[&str]> = LAYERS.into_iter().collect();
    for (at, (_, may)) in LAYERS.iter().enumerate() {
        let inner: Vec<&str> = LAYERS[..at].iter().map(|(name, _)| *name).collect();
        assert!(may.iter().all(|name| inner.contains(name)), "{may:?} stands before what imports it");
    }
    for (module, targets) in dependencies() {
        let layer = top(&module);
        let may = known.get(layer).unwrap_or_else(|| panic!("src/{layer} is in no layer"));
        for target in targets.iter().filter(|target| top(target) != layer) {
            assert!(may.contains(&top(target)), "{module} imports {target}, which is not further inward");
        }
    }
}

#[test]
fn what_is_known_of_a_dialect_stays_with_it() {
    for (module, targets) in dependencies() {
        if top(&module) != "chat" {
            for dialect in DIALECTS {
                assert!(
                    !targets.iter().any(|target| target.starts_with(dialect)),
                    "{module} knows {dialect}"
                );
            }
        }
    }
}

#[test]
fn no_files_depend_on_each_other_in_a_circle() {
    let mut left = dependencies();
    loop {
        let free: Vec<String> =
            left.iter().filter(|(_, targets)| targets.is_empty()).map(|(name, _)| name.clone()).collect();
        if free.is_empty() {
            break;
        }
        for name in &free {
            left.remove(name);
        }
        for targets in left.values_mut() {
            targets.retain(|target| !free.contains(target));
        }
    }
    assert!(left.is_empty(), "in or behind a circle: {left:#?}");
}

#[test]
fn no_import_renames() {
    for (module, contents) in modules() {
        assert!(contents.renames.is_empty(), "{module}: {:?}", contents.renames);
    }
}

#[test]
fn the_imports_are_seen() {
    let dependencies = dependencies();
    let sees = |module: &str, target: &str| dependencies[module].contains(target);
    assert!(sees("chat::request::members", "chat::request::view"), "through super");
    assert!(sees("cache::key", "chat::request::view"), "through two re-exports");
    assert!(sees("routing::plan", "complexity"), "a function of a folder");
    assert!(sees("filter::router", "filter::router::reading"), "a child");
    assert!(!sees("cache::exact", "host::memory"), "what only tests import");
}
