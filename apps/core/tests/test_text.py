"""A user's text is shown as text: paragraphs, addresses, nothing else."""

import pytest

from apps.core.templatetags import shown


def test_nothing_of_a_text_is_markup() -> None:
    assert shown.paragraphs("<b>1 & 2</b>") == "<p>&lt;b&gt;1 &amp; 2&lt;/b&gt;</p>"


def test_lines_and_paragraphs_stay() -> None:
    assert shown.paragraphs("a\nb\n\nc") == "<p>a<br>b</p>\n\n<p>c</p>"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("登记：https://xg.example.edu/a?b=1&c=2。谢谢", "https://xg.example.edu/a?b=1&amp;c=2"),
        ("see http://example.edu/x.", "http://example.edu/x"),
        ("（https://example.edu/）", "https://example.edu/"),
    ],
)
def test_an_address_ends_where_chinese_goes_on(text: str, address: str) -> None:
    assert f'href="{address}"' in shown.paragraphs(text)


@pytest.mark.parametrize("text", ["javascript:alert(1)", "www.example.edu", 'https://"onload=x', "https://"])
def test_only_web_addresses_become_links(text: str) -> None:
    assert "<a" not in shown.paragraphs(text)
