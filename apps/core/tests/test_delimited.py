"""Bad input 46: delimited text in whatever encoding, with whatever ends its lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.errors import UnreadableFile
from apps.core.tables import delimited

TEXT = "学号,姓名\r\n2024010101,张伟\r\n"
ROWS = [(1, ["学号", "姓名"]), (2, ["2024010101", "张伟"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_input_46_encodings_and_line_ends(encoding: str, end: str) -> None:
    text = delimited.decode(TEXT.replace("\r\n", end).encode(encoding))
    assert list(delimited.rows(text, ",")) == ROWS


def test_input_46_utf_16_of_the_other_order() -> None:
    assert delimited.decode(b"\xfe\xff" + TEXT.encode("utf-16-be")) == TEXT


def test_input_46_a_quoted_newline_belongs_to_its_cell_and_the_lines_go_on() -> None:
    text = 'a,"b\r\nc"\r\n\r\nd,"e ""f"""'
    assert list(delimited.rows(text, ",")) == [(1, ["a", "b\nc"]), (3, []), (4, ["d", 'e "f"'])]


@pytest.mark.parametrize(
    ("content", "line"),
    [(b"a,b\nc,\xff\xff\xff\n", 2), ("a\nb\nc".encode("utf-16-le"), 1), (b"a\nb\0\n", 2)],
    ids=["no encoding", "utf-16 without BOM", "zero"],
)
def test_input_46_what_cannot_be_decoded_names_the_line(content: bytes, line: int) -> None:
    with pytest.raises(UnreadableFile, match=rf"\b{line}\b|{line}"):
        delimited.decode(content)


@pytest.mark.parametrize(("text", "line"), [('a,b\n"c,d\ne,f', 2), ('a\n"b"c\n', 2), ("a\n" + "b" * 200_000, 2)])
def test_input_46_what_cannot_be_split_names_the_line(text: str, line: int) -> None:
    with pytest.raises(UnreadableFile, match=f"{line}"):
        list(delimited.rows(text, ","))


def test_an_old_workbook_is_told_apart() -> None:
    with pytest.raises(UnreadableFile, match="xls"):
        delimited.decode(b"\xd0\xcf\x11\xe0" + bytes(512))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        list(delimited.rows(delimited.decode(content), ","))
    except UnreadableFile:
        return
