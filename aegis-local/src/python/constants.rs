//! Constants at the top of a module, and phrases that mean one of them.

use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::Ranged;

use super::source::Module;
use super::value::{Annotation, Kind, kind_of, mapping_values};

/// A name that is assigned once at the top level.
#[derive(Debug, Clone)]
pub(super) struct Constant<'a> {
    pub(super) name: &'a str,
    /// Type of its value.
    pub(super) kind: Kind,
    /// Type of the values where it is a table.
    pub(super) values: Kind,
    /// The comment above it or behind it.
    pub(super) comment: String,
}

/// Words that all say "what counts when nothing else does".
const DEFAULTS: [&str; 16] = [
    "default",
    "standard",
    "fallback",
    "base",
    "usual",
    "normal",
    "general",
    "generic",
    "common",
    "other",
    "unknown",
    "anonymous",
    "missing",
    "regular",
    "basic",
    "initial",
];

impl Module {
    /// The constants, in source order.
    pub(super) fn constants(&self) -> Vec<Constant<'_>> {
        self.body().iter().filter_map(|stmt| self.constant(stmt)).collect()
    }

    /// The constant of that name.
    pub(super) fn constant_named(&self, name: &str) -> Option<Constant<'_>> {
        self.constants().into_iter().find(|c| c.name == name)
    }

    fn constant<'a>(&'a self, stmt: &'a Stmt) -> Option<Constant<'a>> {
        let (target, value, annotation) = match stmt {
            Stmt::Assign(a) if a.targets.len() == 1 => (&a.targets[0], Some(&*a.value), None),
            Stmt::AnnAssign(a) => (&*a.target, a.value.as_deref(), Some(&*a.annotation)),
            _ => return None,
        };
        let name = target.as_name_expr()?.id.as_str();
        let mut kind = match value {
            // A constant made of constants is looked up no further: it could be itself.
            Some(Expr::Name(_)) | None => Kind::Unknown,
            Some(value) if mentions_names(value) => Kind::Unknown,
            Some(value) => kind_of(value, self),
        };
        let mut values = Kind::Unknown;
        if let Some(annotation) = annotation {
            kind = Annotation::of(annotation).kind;
            values = mapping_values(annotation);
        }
        if let (Kind::Unknown, Some(Expr::Dict(table))) = (values, value) {
            let mut kinds = table.items.iter().map(|item| kind_of_plain(&item.value));
            values = kinds.next().unwrap_or(Kind::Unknown);
            if kinds.any(|k| k != values && !k.fits(values)) {
                values = Kind::Unknown;
            }
        }
        if let (Kind::Unknown, Some(Expr::Dict(_) | Expr::DictComp(_))) = (kind, value) {
            kind = Kind::Dict;
        }
        Some(Constant { name, kind, values, comment: self.comment_at(stmt) })
    }

    /// The comment lines right above a statement and the one behind it.
    pub(super) fn comment_at(&self, stmt: &Stmt) -> String {
        let (first, last) = (self.line_of(stmt.start()), self.line_of(stmt.end()));
        let mut lines: Vec<&str> = Vec::new();
        let mut at = first;
        while at > 1 {
            let Some(comment) = self.line(at - 1).trim_start().strip_prefix('#') else { break };
            lines.insert(0, comment.trim());
            at -= 1;
        }
        let behind = self.text.get(stmt.end().to_usize()..self.line_start(last + 1));
        if let Some(comment) = behind.and_then(|rest| rest.trim().strip_prefix('#')) {
            lines.push(comment.trim());
        }
        lines.join(" ")
    }
}

fn mentions_names(expr: &Expr) -> bool {
    !expr.is_dict_expr()
        && !super::source::names_in(expr).is_empty()
        && !matches!(expr, Expr::Call(_))
}

/// The type of a literal; names stay unknown.
fn kind_of_plain(expr: &Expr) -> Kind {
    match expr {
        Expr::NumberLiteral(n) if n.value.is_float() => Kind::Float,
        Expr::NumberLiteral(n) if n.value.is_int() => Kind::Int,
        Expr::StringLiteral(_) => Kind::Str,
        Expr::BooleanLiteral(_) => Kind::Bool,
        Expr::List(_) => Kind::List,
        Expr::Tuple(_) => Kind::Tuple,
        Expr::Dict(_) => Kind::Dict,
        Expr::Set(_) => Kind::Set,
        Expr::NoneLiteral(_) => Kind::NoneType,
        _ => Kind::Unknown,
    }
}

/// The words of a name or a sentence, lower case, plurals cut off.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| stem(&word.to_lowercase()))
        .collect()
}

/// A word without its plural.
pub(super) fn stem(word: &str) -> String {
    if let Some(root) = word.strip_suffix("ies").filter(|root| root.len() > 1) {
        return format!("{root}y");
    }
    for ending in ["sses", "xes", "ches", "shes"] {
        if let Some(root) = word.strip_suffix(ending) {
            return format!("{root}{}", &ending[..ending.len() - 2]);
        }
    }
    match word.strip_suffix('s') {
        Some(root) if root.len() > 2 && !root.ends_with(['s', 'u', 'i']) => root.to_owned(),
        _ => word.to_owned(),
    }
}

/// Whether a word says "default".
pub(super) fn is_default_word(word: &str) -> bool {
    DEFAULTS.contains(&word)
}

/// The constant that a phrase like "the default rate" means, and how well it fits, up to 1.0.
pub(super) fn resolve<'a>(
    phrase: &str,
    constants: &[Constant<'a>],
    wanted: Kind,
) -> Option<(Constant<'a>, f64)> {
    let said = words(phrase);
    let says_default = said.iter().any(|w| is_default_word(w));
    constants
        .iter()
        .filter(|c| c.values == Kind::Unknown || c.kind != Kind::Dict)
        .filter(|c| c.kind.fits(wanted))
        .filter_map(|constant| {
            let name = words(constant.name);
            let exact = name.iter().filter(|w| said.contains(w)).count();
            let synonym = usize::from(
                says_default && name.iter().any(|w| is_default_word(w) && !said.contains(w)),
            );
            #[allow(clippy::cast_precision_loss)]
            let score = (exact as f64 + 0.9 * synonym as f64) / name.len() as f64;
            (exact + synonym > 0 && score > 0.6).then(|| (constant.clone(), score))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
}
