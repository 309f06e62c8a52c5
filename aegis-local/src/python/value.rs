//! What type a value, an annotation or an expression has, as far as the text tells.

use ruff_python_ast::{Expr, Number, Operator};

use super::source::Module;

/// A built-in type, or none that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Int,
    Float,
    Bool,
    Str,
    Bytes,
    NoneType,
    List,
    Tuple,
    Dict,
    Set,
    /// A class that is none of these.
    Other,
    Unknown,
}

/// A return or parameter annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Annotation {
    pub(super) kind: Kind,
    /// Whether `None` is among what it allows.
    pub(super) optional: bool,
}

impl Kind {
    /// Whether a value of this kind may stand where `wanted` is expected.
    pub(super) fn fits(self, wanted: Kind) -> bool {
        use Kind::{Bool, Float, Int, Unknown};
        self == wanted
            || matches!((self, wanted), (Unknown, _) | (_, Unknown))
            || matches!((self, wanted), (Int | Bool, Float) | (Bool, Int))
    }

    /// The empty value of the type, where there is one that means "nothing".
    pub(super) fn empty(self) -> Option<&'static str> {
        Some(match self {
            Self::Int => "0",
            Self::Float => "0.0",
            Self::Bool => "False",
            Self::Str => "\"\"",
            Self::Bytes => "b\"\"",
            Self::NoneType => "None",
            Self::List => "[]",
            Self::Tuple => "()",
            Self::Dict => "{}",
            Self::Set => "set()",
            Self::Other | Self::Unknown => return None,
        })
    }

    fn of_name(name: &str) -> Self {
        match name {
            "int" => Self::Int,
            "float" => Self::Float,
            "bool" => Self::Bool,
            "str" | "AnyStr" => Self::Str,
            "bytes" => Self::Bytes,
            "None" => Self::NoneType,
            "list" | "List" | "Sequence" | "MutableSequence" => Self::List,
            "tuple" | "Tuple" => Self::Tuple,
            "dict" | "Dict" | "Mapping" | "MutableMapping" | "defaultdict" | "Counter"
            | "OrderedDict" => Self::Dict,
            "set" | "Set" | "frozenset" | "FrozenSet" => Self::Set,
            "Any" | "object" | "Iterable" | "Iterator" | "Union" | "Literal" => Self::Unknown,
            _ => Self::Other,
        }
    }
}

impl Annotation {
    pub(super) const UNKNOWN: Self = Self { kind: Kind::Unknown, optional: false };

    /// Reads an annotation; a string annotation is parsed.
    pub(super) fn of(expr: &Expr) -> Self {
        match expr {
            Expr::NoneLiteral(_) => Self { kind: Kind::NoneType, optional: true },
            Expr::Name(name) => {
                Self { kind: Kind::of_name(&name.id), optional: matches!(&*name.id, "Any") }
            }
            Expr::Attribute(a) => Self { kind: Kind::of_name(a.attr.as_str()), optional: false },
            Expr::StringLiteral(s) => ruff_python_parser::parse_expression(s.value.to_str())
                .map_or(Self::UNKNOWN, |parsed| Self::of(parsed.expr())),
            Expr::BinOp(b) if b.op == Operator::BitOr => {
                Self::either(Self::of(&b.left), Self::of(&b.right))
            }
            Expr::Subscript(s) => {
                let outer = match &*s.value {
                    Expr::Name(n) => n.id.as_str(),
                    Expr::Attribute(a) => a.attr.as_str(),
                    _ => "",
                };
                match (outer, &*s.slice) {
                    ("Optional", inner) => Self { optional: true, ..Self::of(inner) },
                    ("Union", Expr::Tuple(t)) => {
                        t.elts.iter().map(Self::of).reduce(Self::either).unwrap_or(Self::UNKNOWN)
                    }
                    ("Annotated", Expr::Tuple(t)) => t.elts.first().map_or(Self::UNKNOWN, Self::of),
                    _ => Self { kind: Kind::of_name(outer), optional: false },
                }
            }
            _ => Self::UNKNOWN,
        }
    }

    fn either(a: Self, b: Self) -> Self {
        let optional = a.optional || b.optional;
        let kind = match (a.kind, b.kind) {
            (Kind::NoneType, other) | (other, Kind::NoneType) => other,
            (x, y) if x == y => x,
            (Kind::Int, Kind::Float) | (Kind::Float, Kind::Int) => Kind::Float,
            _ => Kind::Unknown,
        };
        Self { kind, optional }
    }

    /// Whether a value of this kind satisfies the annotation.
    pub(super) fn takes(self, kind: Kind) -> bool {
        if kind == Kind::NoneType {
            return self.optional || matches!(self.kind, Kind::NoneType | Kind::Unknown);
        }
        kind.fits(self.kind)
    }
}

/// The type of the values of `dict[K, V]`, from its annotation.
pub(super) fn mapping_values(annotation: &Expr) -> Kind {
    match annotation {
        Expr::Subscript(s) if Annotation::of(annotation).kind == Kind::Dict => match &*s.slice {
            Expr::Tuple(t) if t.elts.len() == 2 => Annotation::of(&t.elts[1]).kind,
            _ => Kind::Unknown,
        },
        Expr::StringLiteral(s) => ruff_python_parser::parse_expression(s.value.to_str())
            .map_or(Kind::Unknown, |parsed| mapping_values(parsed.expr())),
        _ => Kind::Unknown,
    }
}

/// The type of the item at `at` of an annotated sequence, or of a table's values.
pub(super) fn item_kind(annotation: &Expr, at: usize) -> Kind {
    let Expr::Subscript(s) = annotation else { return Kind::Unknown };
    match (Annotation::of(annotation).kind, &*s.slice) {
        (Kind::Dict, _) => mapping_values(annotation),
        (Kind::Tuple, Expr::Tuple(t)) if !is_open(t) => {
            t.elts.get(at).map_or(Kind::Unknown, |item| Annotation::of(item).kind)
        }
        (Kind::Tuple, Expr::Tuple(t)) => Annotation::of(&t.elts[0]).kind,
        (Kind::List | Kind::Set, item) => Annotation::of(item).kind,
        _ => Kind::Unknown,
    }
}

/// Whether an annotation asks for a number of items, so that an empty value does not fit.
pub(super) fn is_fixed_tuple(annotation: &Expr) -> bool {
    match annotation {
        Expr::Subscript(s) if Annotation::of(annotation).kind == Kind::Tuple => {
            s.slice.as_tuple_expr().is_none_or(|t| !is_open(t))
        }
        _ => false,
    }
}

/// `tuple[X, ...]`
fn is_open(items: &ruff_python_ast::ExprTuple) -> bool {
    items.elts.len() == 2 && items.elts[1].is_ellipsis_literal_expr()
}

/// The type of an expression; names are looked up among the module's constants.
pub(super) fn kind_of(expr: &Expr, module: &Module) -> Kind {
    match expr {
        Expr::NumberLiteral(n) => match n.value {
            Number::Int(_) => Kind::Int,
            Number::Float(_) => Kind::Float,
            Number::Complex { .. } => Kind::Other,
        },
        Expr::BooleanLiteral(_) | Expr::Compare(_) => Kind::Bool,
        Expr::StringLiteral(_) | Expr::FString(_) => Kind::Str,
        Expr::BytesLiteral(_) => Kind::Bytes,
        Expr::NoneLiteral(_) => Kind::NoneType,
        Expr::List(_) | Expr::ListComp(_) => Kind::List,
        Expr::Tuple(_) => Kind::Tuple,
        Expr::Dict(_) | Expr::DictComp(_) => Kind::Dict,
        Expr::Set(_) | Expr::SetComp(_) => Kind::Set,
        Expr::UnaryOp(u) if u.op == ruff_python_ast::UnaryOp::Not => Kind::Bool,
        Expr::UnaryOp(u) => kind_of(&u.operand, module),
        Expr::If(i) => {
            let (a, b) = (kind_of(&i.body, module), kind_of(&i.orelse, module));
            if a == b { a } else { Kind::Unknown }
        }
        Expr::BinOp(b) => match (b.op, kind_of(&b.left, module), kind_of(&b.right, module)) {
            (Operator::Mod, Kind::Str, _) => Kind::Str,
            (Operator::Div, _, _) => Kind::Float,
            (_, Kind::Float, _) | (_, _, Kind::Float) => Kind::Float,
            (_, left, right) if left == right => left,
            _ => Kind::Unknown,
        },
        Expr::Name(name) => module
            .constants()
            .into_iter()
            .find(|c| c.name == name.id.as_str())
            .map_or(Kind::Unknown, |c| c.kind),
        Expr::Call(call) => match &*call.func {
            Expr::Name(name) => match name.id.as_str() {
                "len" => Kind::Int,
                "sorted" => Kind::List,
                "repr" => Kind::Str,
                known @ ("int" | "float" | "bool" | "str" | "bytes" | "list" | "tuple" | "dict"
                | "set" | "frozenset") => Kind::of_name(known),
                _ => Kind::Unknown,
            },
            Expr::Attribute(a) => match a.attr.as_str() {
                "split" | "rsplit" | "splitlines" => Kind::List,
                "strip" | "lower" | "upper" | "title" | "format" | "join" | "lstrip" | "rstrip"
                | "capitalize" | "casefold" | "removeprefix" | "isoformat" => Kind::Str,
                _ => Kind::Unknown,
            },
            _ => Kind::Unknown,
        },
        _ => Kind::Unknown,
    }
}

/// The type of a piece of source text.
pub(super) fn kind_of_text(text: &str, module: &Module) -> Kind {
    ruff_python_parser::parse_expression(text)
        .map_or(Kind::Unknown, |parsed| kind_of(parsed.expr(), module))
}
