//! Where a fault stands: whether a guard may come before its statement, and what would follow.

use ruff_python_ast::{AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use super::fault::{Fault, Trouble};
use super::source::{Module, children, names_in, sites};

impl Fault<'_> {
    /// Whether a guard may stand before the statement: it is first on its line, it always evaluates
    /// the expression, and nothing in it is bound on the way there.
    pub(super) fn may_exit(&self, module: &Module) -> bool {
        let stmt = self.place.stmt;
        let header = matches!(
            stmt,
            Stmt::While(_) | Stmt::FunctionDef(_) | Stmt::ClassDef(_) | Stmt::Try(_)
        );
        let in_function = self.place.function().is_some()
            && !self.place.within_function().iter().any(|s| s.is_class_def_stmt());
        in_function
            && !header
            && module.indent_of(stmt).is_some()
            && self.is_unconditional()
            && !self.binds_on_the_way()
    }

    pub(super) fn is_unconditional(&self) -> bool {
        let parents = &self.site.parents;
        let range = self.site.expr.range();
        parents.iter().all(|parent| match parent {
            AnyNodeRef::ExprLambda(_)
            | AnyNodeRef::ElifElseClause(_)
            | AnyNodeRef::ExceptHandlerExceptHandler(_)
            | AnyNodeRef::MatchCase(_) => false,
            // What a comprehension first goes through is evaluated once, outside it.
            AnyNodeRef::ExprListComp(c) => c.generators[0].iter.range().contains_range(range),
            AnyNodeRef::ExprSetComp(c) => c.generators[0].iter.range().contains_range(range),
            AnyNodeRef::ExprDictComp(c) => c.generators[0].iter.range().contains_range(range),
            AnyNodeRef::ExprGenerator(c) => c.generators[0].iter.range().contains_range(range),
            AnyNodeRef::ExprBoolOp(b) => b.values[0].range().contains_range(range),
            AnyNodeRef::ExprIf(i) => i.test.range().contains_range(range),
            AnyNodeRef::StmtAssert(a) => a.test.range().contains_range(range),
            _ => true,
        })
    }

    fn binds_on_the_way(&self) -> bool {
        sites(self.place.stmt).iter().any(|site| match site.expr {
            Expr::Named(named) => named
                .target
                .as_name_expr()
                .is_some_and(|n| self.names.iter().any(|name| *name == n.id.as_str())),
            _ => false,
        })
    }

    /// Whether the test changes from one turn of the loop to the next.
    pub(super) fn depends_on_loop(&self, module: &Module) -> bool {
        let Some(outer) = self.place.enclosing_loop() else { return false };
        let mut bound: Vec<&str> = Vec::new();
        if let Stmt::For(header) = outer {
            bound.extend(names_in(&header.target));
        }
        let mut queue = children(outer);
        while let Some(body) = queue.pop() {
            for stmt in body {
                match stmt {
                    Stmt::Assign(a) => {
                        bound.extend(a.targets.iter().flat_map(names_in));
                    }
                    Stmt::AugAssign(a) => bound.extend(names_in(&a.target)),
                    Stmt::AnnAssign(a) => bound.extend(names_in(&a.target)),
                    _ => {}
                }
                queue.extend(children(stmt));
            }
        }
        let bound_call = self.binding.as_ref().map(|b| module.slice(b.range));
        self.names.iter().any(|name| bound.contains(&name.as_str()))
            || bound_call.is_some_and(|call| {
                ruff_python_parser::parse_expression(call)
                    .is_ok_and(|parsed| names_in(parsed.expr()).iter().any(|n| bound.contains(n)))
            })
    }

    /// Whether the same subject is used outside the guarded expression, where it would fail next.
    pub(super) fn is_used_again(&self, module: &Module) -> bool {
        if self.trouble != Trouble::Nothing {
            return false;
        }
        let Some(function) = self.place.function() else { return false };
        let guarded = self.site.expr.range();
        let from = self.place.stmt.start();
        function.statements().iter().filter(|s| s.start() >= from).any(|stmt| {
            sites(stmt).iter().any(|site| {
                let base = match site.expr {
                    Expr::Attribute(a) => &a.value,
                    Expr::Subscript(s) => &s.value,
                    _ => return false,
                };
                module.slice(&**base) == self.subject.text
                    && !guarded.contains_range(site.expr.range())
            })
        })
    }
}
