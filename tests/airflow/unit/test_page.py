"""How a page is taken apart, and when what it says was printed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import page

TEXT = """# Page
```console
$ one a
said
…
$ two
```
- a list
  ```python
  # ~/a.py
  if x:

      y
  ```
"""


def test_blocks_come_in_order_with_their_lines_and_at_the_margin() -> None:
    console, python = page.blocks(TEXT)
    assert (python.kind, python.text, python.line) == ("python", "# ~/a.py\nif x:\n\n    y\n", 10)
    one, two = page.commands(console.text, console.line)
    assert (one.text, one.line, one.printed) == ("one a", 3, ["said", "…"])
    assert (two.text, two.line, two.printed) == ("two", 6, [])


@pytest.mark.parametrize(
    ("wanted", "missing"),
    [
        (["a | b"], None),
        (["a | …", "…", "c"], None),
        (["… a … | … b …"], None),
        (["c", "a | b"], "a | b"),
        (["a"], "a"),
        (["… | b"], None),
        (["A | b"], "A | b"),
        ([], None),
    ],
)
def test_lines_are_printed_in_the_order_of_the_page(wanted: list[str], missing: str | None) -> None:
    assert page.unsaid(wanted, "x\na  |   b\nother\nc\n") == missing


def test_the_page_itself_has_a_block_of_each_kind() -> None:
    kinds = {block.kind for block in page.blocks(page.PAGE.read_text(encoding="utf-8"))}
    assert kinds == {"console", "toml", "dotenv", "python"}
