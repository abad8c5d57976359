"""Makes bodies for tests: values that follow a schema, and the same with random changes."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from payments_sandbox.contract.schema_files import Schema
from tests.support.values import value_at

Path = tuple[str | int, ...]

CARD_NUMBER = "4111111111111111"

# What breaks readers: edges of types, of patterns and of lengths.
JUNK: list[object] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    13,
    10**8,
    2**53,
    2500.0,
    Decimal("25.5"),
    "",
    "123\n",
    "\u0661\u0662\u0663",
    "card",
    "CARD",
    "USD\n",
    "usd",
    "pay_",
    "pay_a\n",
    "pay_\u00e9",
    "2025-01-15T10:30:00Z\n",
    "2025-13-15T10:30:00Z",
    CARD_NUMBER,
    "\u0000",
    "\U0001f600" * 250,
    "a" * 256,
    "a" * 501,
    "9" * 33,
    [],
    {},
    [None] * 101,
    ["payments", "payments"],
    {"\u00e9": 1},
]


def following(schema: Schema) -> SearchStrategy[Any]:
    """Return a strategy of values that follow an inlined schema, as far as our schemas go."""
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema.get("type", ["null", "boolean", "integer", "string"])
    names = kinds if isinstance(kinds, list) else [kinds]
    return st.one_of([_of_type(name, schema) for name in names])


def _of_type(kind: str, schema: Schema) -> SearchStrategy[Any]:
    return {
        "null": lambda _: st.none(),
        "boolean": lambda _: st.booleans(),
        "integer": _integer,
        "number": lambda _: st.floats(0, 1e6),
        "string": _text,
        "array": _list,
        "object": _object,
    }[kind](schema)


def _integer(schema: Schema) -> SearchStrategy[int]:
    return st.integers(schema.get("minimum", -(2**40)), schema.get("maximum", 2**40))


def _list(schema: Schema) -> SearchStrategy[list[Any]]:
    return st.lists(
        following(schema["items"]),
        min_size=schema.get("minItems", 0),
        max_size=min(schema["maxItems"], 2),
        unique_by=str if schema.get("uniqueItems") else None,
    )


def _text(schema: Schema) -> SearchStrategy[str]:
    if pattern := schema.get("pattern"):
        low, high = schema.get("minLength", 0), schema["maxLength"]
        texts = st.from_regex(pattern, fullmatch=True, alphabet=st.characters(max_codepoint=126))
        return texts.map(lambda text: text.rstrip("\n")[:high]).filter(lambda t: len(t) >= low)
    longest = min(schema.get("maxLength", 20), 600)
    signs = st.characters(exclude_categories=["Cs"])
    return st.text(signs, min_size=schema.get("minLength", 0), max_size=longest)


def _object(schema: Schema) -> SearchStrategy[Any]:
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    made = st.fixed_dictionaries(
        {name: following(properties[name]) for name in required},
        optional={name: following(properties[name]) for name in properties if name not in required},
    )
    if schema.get("maxProperties") == 1:
        alone = [st.fixed_dictionaries({name: following(properties[name])}) for name in properties]
        return st.one_of(alone)
    return made.filter(lambda value: len(value) >= schema.get("minProperties", 0))


@st.composite
def mutated(draw: DrawFn, values: SearchStrategy[Any]) -> object:
    """Draw one of the values, with one to three changes made to it."""
    value: object = draw(values)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(paths(value))))
        value = draw(_change(value, path))
    return value


def _change(value: object, path: Path) -> SearchStrategy[object]:
    replaced = st.sampled_from(JUNK).map(lambda junk: put(value, path, junk))
    inside = value_at(value, path)
    if not isinstance(inside, dict):
        return replaced
    names = st.sampled_from(["amout", "Amount", "a/b~c", "", CARD_NUMBER, "description"])
    added = st.builds(
        lambda name, junk: put(value, path, {**inside, name: junk}), names, st.sampled_from(JUNK)
    )
    without = [put(value, path, {k: v for k, v in inside.items() if k != name}) for name in inside]
    return st.one_of(replaced, added, *([st.sampled_from(without)] if without else []))


def paths(value: object, path: Path = ()) -> Iterator[Path]:
    """Yield the path of the value and of everything in it."""
    yield path
    for key, child in _children(value):
        yield from paths(child, (*path, key))


def _children(value: object) -> Iterable[tuple[str | int, object]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def put(value: Any, path: Path, new: object) -> object:  # noqa: ANN401 - JSON
    """Return a copy of the value with something else at a path."""
    if not path:
        return new
    first, *rest = path
    copy = value.copy()
    copy[first] = put(value[first], tuple(rest), new)
    return copy
