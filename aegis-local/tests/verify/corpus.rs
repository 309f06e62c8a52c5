//! Reproduction on functions of many shapes that no template was written for.

use std::sync::Arc;

use aegis_core::model::Reproduction;
use aegis_local::service::ServiceSpec;
use aegis_local::verify::PythonVerifier;

use super::folder::{base, case};
use super::python::{traceback, venv};

/// A module, what tests know of it, the call that fails in production, whether a search can find it.
struct Sample {
    name: &'static str,
    code: &'static str,
    tests: &'static str,
    fails: &'static str,
    found: bool,
}

const fn sample(
    name: &'static str,
    code: &'static str,
    tests: &'static str,
    fails: &'static str,
    found: bool,
) -> Sample {
    Sample { name, code, tests, fails, found }
}

const CORPUS: &[Sample] = &[
    sample(
        "an annotated list",
        "def spread(values: list[int]) -> int:\n    return values[-1] - values[0]\n",
        "",
        "spread([])",
        true,
    ),
    sample("no annotation at all", "def ratio(a, b):\n    return a / b\n", "", "ratio(3, 0)", true),
    sample(
        "a dataclass with an optional field",
        "from dataclasses import dataclass\nfrom typing import Optional\n\n@dataclass\nclass User:\n    \
         name: str\n    email: Optional[str] = None\n\ndef domain(user: User) -> str:\n    return \
         user.email.split('@')[1]\n",
        "",
        "domain(User('x'))",
        true,
    ),
    sample(
        "a key of a module table",
        "RATES = {'eur': 1.0, 'usd': 1.1}\n\ndef convert(amount: float, currency: str) -> float:\n    \
         return amount * RATES[currency]\n",
        "",
        "convert(2.0, 'gbp')",
        true,
    ),
    sample(
        "a nested dictionary",
        "def city(order):\n    address = order['customer']['address']\n    return address['city'].title()\n",
        "",
        "city({'customer': {'address': {'city': None}}})",
        true,
    ),
    sample(
        "a method of a class",
        "class Basket:\n    def __init__(self, items: list[dict]):\n        self.items = items\n\n    def \
         average(self) -> float:\n        return sum(i['price'] for i in self.items) / len(self.items)\n",
        "",
        "Basket([]).average()",
        true,
    ),
    sample(
        "a generator in a comprehension",
        "def names(rows):\n    return [row['name'].strip() for row in rows if row.get('active')]\n",
        "",
        "names([{'name': None, 'active': True}])",
        true,
    ),
    sample(
        "values the tests know",
        "def parse(line):\n    kind, rest = line.split(':', 1)\n    if kind != 'v2/order':\n        return \
         None\n    number, price = rest.split(';')\n    return int(number), float(price)\n",
        "from sample import parse\n\ndef test_parse():\n    assert parse('v2/order:1;2') == (1, 2)\n    \
         assert parse(line='v2/order:7;') if False else True\n",
        "parse('v2/order:7;')",
        true,
    ),
    sample(
        "an enumeration",
        "import enum\n\nclass Size(enum.Enum):\n    S = 1\n    M = 2\n    L = 3\n\nPRICES = {Size.S: 5, \
         Size.M: 6}\n\ndef price(size: Size, count: int = 1) -> int:\n    return PRICES[size] * count\n",
        "",
        "price(Size.L)",
        true,
    ),
    sample(
        "a coroutine",
        "import asyncio\n\nasync def first(queue: list):\n    await asyncio.sleep(0)\n    return \
         queue.pop(0)\n",
        "",
        "asyncio.run(first([]))",
        true,
    ),
    sample(
        "a static method with a text",
        "class Version:\n    @staticmethod\n    def major(text: str) -> int:\n        return \
         int(text.split('.')[0])\n",
        "",
        "Version.major('beta')",
        true,
    ),
    sample(
        "a property",
        "class Stats:\n    def __init__(self, hits=0, total=0):\n        self.hits = hits\n        \
         self.total = total\n\n    @property\n    def rate(self):\n        return self.hits / self.total\n",
        "",
        "Stats().rate",
        true,
    ),
    sample(
        "an inner function",
        "def total(rows):\n    def price(row):\n        return row.amount * row.price\n    return \
         sum(price(r) for r in rows)\n",
        "",
        "import types; total([types.SimpleNamespace(amount=None, price=None)])",
        true,
    ),
    sample(
        "through a caller",
        "def _pick(pairs):\n    return max(pairs, key=lambda p: p[1])\n\ndef best(scores: dict):\n    return \
         _pick(list(scores.items()))[0]\n",
        "",
        "best({})",
        true,
    ),
    sample(
        "when it is imported",
        "LIMITS = {'a': 1}\nDEFAULT = LIMITS['b']\n",
        "",
        "import sample",
        true,
    ),
    sample(
        "a text that is matched",
        "import re\n\ndef minutes(text):\n    m = re.match(r'(\\d+)h(\\d+)', text)\n    return int(m.group(1)) * \
         60 + int(m.group(2))\n",
        "",
        "minutes('90')",
        true,
    ),
    sample(
        "a queue of pairs",
        "from collections import deque\n\ndef latest(events: list[tuple[str, int]], name: str) -> int:\n    \
         return [n for e, n in events if e == name][-1]\n",
        "",
        "latest([('a', 1)], 'b')",
        true,
    ),
    sample(
        "an optional settings table",
        "def limit(settings, user='anonymous'):\n    tiers = settings.get('tiers')\n    return tiers[user]\n",
        "",
        "limit({'other': 1})",
        true,
    ),
    sample(
        "a class method over a registry",
        "class Registry:\n    entries = {'a': [1, 2], 'b': []}\n\n    @classmethod\n    def top(cls, name: str) -> \
         int:\n        return max(cls.entries[name])\n",
        "",
        "Registry.top('b')",
        true,
    ),
    sample(
        "a tree of nodes",
        "class Node:\n    def __init__(self, value, left=None, right=None):\n        self.value = value\n        \
         self.left = left\n        self.right = right\n\ndef depth(node):\n    return 1 + max(depth(node.left), \
         node.right.value)\n",
        "",
        "depth(None)",
        true,
    ),
    sample(
        "a byte string",
        "def header(data: bytes) -> int:\n    return data[0] << 8 | data[1]\n",
        "",
        "header(b'')",
        true,
    ),
    sample(
        "a secret number",
        "def check(code: int) -> int:\n    if code * 7919 % 104729 == 31337:\n        return 1 // 0\n    \
         return code\n",
        "",
        "check(next(n for n in range(104729) if n * 7919 % 104729 == 31337))",
        false,
    ),
    sample(
        "a state that needs several calls",
        "class Machine:\n    def __init__(self):\n        self.steps = []\n\n    def step(self, n: int):\n        \
         self.steps.append(n)\n\n    def finish(self):\n        if self.steps[:3] == [3, 1, 4]:\n            \
         raise KeyError('unlucky')\n        return len(self.steps)\n",
        "",
        "m = Machine(); m.step(3); m.step(1); m.step(4); m.finish()",
        false,
    ),
    sample(
        "something outside",
        "import os\n\ndef load(name):\n    if os.environ.get('FEATURE') == 'on':\n        return {}[name]\n    \
         return None\n",
        "",
        "os.environ['FEATURE'] = 'on'; load('x')",
        false,
    ),
    sample(
        "the clock",
        "import time\n\ndef shard(hosts: list):\n    now = int(time.time())\n    if now < 1000:\n        \
         return hosts[now % len(hosts)]\n    return None\n",
        "",
        "time.time = lambda: 5; shard([])",
        false,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn small_functions_of_many_shapes_are_reproduced_where_that_can_be() {
    let mut right = 0;
    let mut reproduced = 0;
    let mut wrong = Vec::new();
    for sample in CORPUS {
        let files = [("sample.py", sample.code), ("test_sample.py", sample.tests)];
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            std::fs::write(folder.path().join(path), text).unwrap();
        }
        let code = match sample.fails {
            "import sample" => sample.fails.to_owned(),
            fails => format!("from sample import *\n{fails}"),
        };
        let trace = traceback(folder.path(), &code);
        assert!(trace.contains("Traceback"), "{} does not fail: {trace}", sample.name);
        let spec =
            ServiceSpec::new("s", "false", "http://127.0.0.1:1/", "pytest").with_python(venv());
        let verifier = PythonVerifier::new(spec, Arc::new(super::folder::folder(files)));
        let started = std::time::Instant::now();
        let answer = verifier.reproduce(&case(&trace, &[]), &base()).await.unwrap();
        println!("{:>5} ms {}: {answer:?}", started.elapsed().as_millis(), sample.name);
        let found = matches!(answer, Reproduction::Reproduced(_));
        reproduced += usize::from(found);
        if found == sample.found {
            right += 1;
        } else {
            wrong.push(format!("{}: {answer:?}", sample.name));
        }
    }
    println!("reproduced {reproduced} of {}, {right} as expected", CORPUS.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
