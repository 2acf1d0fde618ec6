"""((placeholders)), and nothing else: what a person wrote or is called is never run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import InvalidInput
from apps.messaging.rendering import MissingValue, parse

LITERAL = "{% include 'x' %} ${7*7} #{x} %(x)s {0} %s \\g<1> \\1"


@pytest.mark.parametrize(
    ("text", "names", "rendered"),
    [
        ("", set(), ""),
        ("no placeholder", set(), "no placeholder"),
        ("((name))", {"name"}, "<name>"),
        ("((  name\n))", {"name"}, "<name>"),
        ("((a))((b))", {"a", "b"}, "<a><b>"),
        ("((a)) and ((a))", {"a"}, "<a> and <a>"),
        ("((座位号))", {"座位号"}, "<座位号>"),
        ("((имя_2))", {"имя_2"}, "<имя_2>"),
        ("(((name)))", {"name"}, "(<name>)"),
        ("f(x) )) ( (", set(), "f(x) )) ( ("),
        ("（（name））", set(), "（（name））"),
        (f"(({'n' * 40}))", {"n" * 40}, f"<{'n' * 40}>"),
        ("{{ settings.SECRET_KEY }}", set(), "{{ settings.SECRET_KEY }}"),
        (LITERAL, set(), LITERAL),
    ],
)
def test_input_37_reads_and_fills(text: str, names: set[str], rendered: str) -> None:
    parsed = parse(text)
    assert parsed.names == names
    assert parsed.render({name: f"<{name}>" for name in names}) == rendered


@pytest.mark.parametrize(
    "text",
    [
        "((",
        "((name",
        "((name)",
        "((name) )",
        "(())",
        "(( ))",
        "((a b))",
        "((1a))",
        "((a.b))",
        "((a-b))",
        "((a((b))))",
        "((a)) ((b",
        "((__import__('os')))",
        f"(({'n' * 41}))",
    ],
)
def test_input_38_unclosed_nested_or_odd_placeholders_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"\(\("):
        parse(text)


def test_input_36_missing_value_is_named() -> None:
    with pytest.raises(MissingValue) as caught:
        parse("((a)) ((b))").render({"a": "1"})
    assert caught.value.name == "b"


@pytest.mark.parametrize("value", ["((other))", "((name))", "{{ x }}", "\\g<0>", "((", "😀\x00"])
def test_input_39_values_are_never_expanded_again(value: str) -> None:
    assert parse("-((name))-((other))-").render({"name": value, "other": "o"}) == f"-{value}-o-"


names = st.from_regex(r"\A[^\W\d]\w{0,39}\Z")
literals = st.text(max_size=20).map(lambda text: text.replace("(", "["))


@given(st.lists(st.tuples(literals, names), max_size=6), literals, st.data())
def test_any_text_is_literals_and_values_in_turn(parts: list[tuple[str, str]], end: str, data: st.DataObject) -> None:
    values = {name: data.draw(st.text(max_size=20)) for _literal, name in parts}
    parsed = parse("".join(f"{literal}(({name}))" for literal, name in parts) + end)
    assert parsed.names == values.keys()
    assert parsed.render(values) == "".join(literal + values[name] for literal, name in parts) + end


@given(st.text(alphabet="(){}%$ na1_座\n", max_size=40))
def test_any_text_is_refused_or_reads_back(text: str) -> None:
    try:
        parsed = parse(text)
    except InvalidInput:
        assert "((" in text
    else:
        assert "".join(part for part in parsed.parts[::2]).count("((") <= len(parsed.parts) // 2
        if not parsed.names:
            assert parsed.render({}) == text
