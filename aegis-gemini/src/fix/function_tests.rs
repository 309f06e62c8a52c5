#![allow(clippy::unwrap_used)]
use super::*;

const PYTHON: &str = r#"import os

@cached(
    size=3,
)
@traced
def mean(
    values,
):
    """The mean.

    >>> mean([])
    """
    text = '''x
      y'''
    if not values:
        # nothing
        return None

    return sum(values) / len(values)


class Cart:
    limit = 3

    async def total(self):
        def each(line):
            return line.price

        return sum(map(each, self.lines))
    # about the next
    def count(self): return len(self.lines)

if __name__ == "__main__":
    mean([])
"#;

fn around(path: &str, text: &str, marks: &str) -> Option<(String, String)> {
    let at = text.lines().position(|line| line.contains(marks)).unwrap();
    let function = Function::around(path, text, u32::try_from(at).unwrap() + 1)?;
    Some((function.name.clone(), function.text()))
}

#[test]
fn the_innermost_function_of_python_is_found_with_its_decorators() {
    let of = |marks| around("a.py", PYTHON, marks);
    let (name, text) = of("return sum(values)").unwrap();
    assert_eq!(name, "mean");
    assert!(text.starts_with("@cached(\n") && text.ends_with("/ len(values)\n"), "{text}");
    for marks in ["    values,", "      y'''", "return None", "def mean("] {
        assert_eq!(of(marks), of("return sum(values)"), "{marks}");
    }
    assert_eq!(of("return line.price").unwrap().0, "each");
    let (name, text) = of("sum(map(each").unwrap();
    assert_eq!(name, "total");
    assert!(text.starts_with("    async def total") && text.ends_with("self.lines))\n"), "{text}");
    let count = of("def count").unwrap();
    assert_eq!(count, ("count".into(), "    def count(self): return len(self.lines)\n".into()));
}

#[test]
fn nothing_is_found_where_it_cant_be_told() {
    for marks in ["import os", "limit = 3", "    mean([])"] {
        assert_eq!(around("a.py", PYTHON, marks), None, "{marks}");
    }
    for text in [
        // A text that is less indented than the function.
        "class A:\n    def f():\n        return '''\nx\n'''\n",
        // Mixed indentation.
        "class A:\n\tdef f():\n        return 1\n",
        // A bracket or a string that is never closed.
        "def f():\n    return (1\n",
        "def f():\n    return 'x\n",
        "def f():\n    return 1)\n",
        "return 1\n",
        "",
    ] {
        let line = text.lines().position(|line| line.contains("return")).unwrap_or(0) + 1;
        assert_eq!(Function::around("a.py", text, line.try_into().unwrap()), None, "{text}");
    }
    assert_eq!(Function::around("a.txt", "def f():\n    return 1\n", 2), None);
    assert_eq!(Function::around("a.py", "def f():\n    return 1\n", 9), None);
    assert_eq!(Function::around("a.py", "def f():\n    return 1\n", 0), None);
}

#[test]
fn functions_of_brace_languages_end_at_their_brace() {
    let rust = "impl Cart {\n    /// The mean.\n    #[must_use]\n    pub fn mean<'a>(\n        &'a self,\n    \
                ) -> f64 {\n        let open = '{';\n        if self.n == 0 {\n            return 0.0;\n        \
                }\n        self.sum / self.n\n    }\n\n    fn other() {}\n}\n";
    let (name, text) = around("a.rs", rust, "self.sum").unwrap();
    assert_eq!(name, "mean");
    assert!(text.starts_with("    #[must_use]\n") && text.ends_with("self.n\n    }\n"), "{text}");
    let go = "func (c *Cart) Mean(xs []int) int {\n\tfor _, x := range xs {\n\t\tc.n += x\n\t}\n\treturn c.n / len(xs)\n}\n";
    assert_eq!(around("a.go", go, "c.n +=").unwrap(), ("Mean".into(), go.into()));
    let js = "class Cart {\n  static async mean(xs) {\n    if (!xs) {\n      throw new Error(`a\n${xs}`);\n    }\n    \
              return xs[0];\n  }\n}\nexport const first = (xs) => {\n  return xs[0].id;\n};\n\
              foo((x) => {\n  return x.y;\n});\n";
    let (name, text) = around("a.js", js, "return xs[0].id").unwrap();
    assert_eq!((name.as_str(), text.lines().count()), ("first", 3));
    assert_eq!(around("a.js", js, "return x.y"), None);
    // The text between backticks is less indented than the method.
    assert_eq!(around("a.js", js, "if (!xs)"), None);
    let java = "class A {\n    @Override\n    public int mean(List<Integer> xs) {\n        return xs.get(0);\n    }\n}\n";
    let (name, text) = around("A.java", java, "xs.get").unwrap();
    assert_eq!(name, "mean");
    assert!(text.starts_with("    @Override\n"), "{text}");
}

#[test]
fn a_function_is_put_where_it_stood() {
    let at = |marks: &str| {
        let line = PYTHON.lines().position(|line| line.contains(marks)).unwrap() + 1;
        Function::around("a.py", PYTHON, line.try_into().unwrap()).unwrap()
    };
    let total = at("sum(map(each");
    let code =
        "\nasync def total(self):\n    if not self.lines:\n\n        return 0\n    return 1\n\n";
    let expected = "    async def total(self):\n        if not self.lines:\n\n            return 0\n        return 1\n";
    assert_eq!(total.rewritten("a.py", code).unwrap(), expected);
    assert_eq!(total.rewritten("a.py", expected).unwrap(), expected);
    let mean = at("return sum(values)");
    for (function, code, why) in [
        (&total, "async def count(self):\n    return 1\n", "must define total"),
        (&total, "import os\nasync def total(self):\n    return 1\n", "not one whole function"),
        (&total, "async def total(self):\n    return 1\nprint(1)\n", "not one whole function"),
        (&total, "    async def total(self):\n  return 1\n", "unevenly"),
        (&total, "@open\nasync def total(self):\n    return 1\n", "must stay"),
        (&total, "", "not one whole function"),
        (&mean, "def mean(values):\n    return 1\n", "must stay"),
    ] {
        let said = function.rewritten("a.py", code).unwrap_err();
        assert!(said.contains(why), "{code}: {said}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic_and_what_is_found_stands_in_it(
        pieces in proptest::collection::vec(0..PIECES.len(), 0..24),
        line in 0..30u32,
        style in 0..4usize,
    ) {
        let text: String = pieces.into_iter().map(|at| PIECES[at]).collect();
        let path = ["a.py", "a.rs", "a.js", "a.go"][style];
        if let Some(function) = Function::around(path, &text, line) {
            let at = text.lines().collect::<Vec<_>>();
            let stands = |window: &[&str]| window.iter().zip(&function.lines).all(|(a, b)| a == b);
            proptest::prop_assert!(at.windows(function.lines.len()).any(stands));
            let _ = function.rewritten(path, &text);
        }
    }
}

const PIECES: &[&str] = &[
    "def f(a):\n",
    "    return 1\n",
    "\n",
    "  ",
    "\t",
    "'",
    "\"",
    "\"\"\"",
    "'''",
    "`",
    "\\",
    "\\\n",
    "'\\",
    "/*",
    "*/",
    "// x\n",
    "# x\n",
    "(",
    ")",
    "{",
    "}\n",
    "fn f() {\n",
    "func (a) f() {\n",
    "const f = (a) => {\n",
    "  f(a) {\n",
    "@x\n",
    "é",
    "\r\n",
    "'\n'",
    "#[x]\n",
    "async ",
    "def ",
];
