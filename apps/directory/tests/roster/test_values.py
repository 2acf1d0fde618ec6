"""What cells mean: what says who somebody is has to be right, the rest is left out and said."""

import pytest

from apps.directory.roster import values
from apps.directory.roster.values import RowFault


def entry(**cells: str) -> values.Entry:
    return values.entry("1", {"student_number": "1", "name": "张伟", **cells})


@pytest.mark.parametrize(
    ("written", "number"), [("2024010101", "2024010101"), ("２０２４", "2024"), ("S-1/2", "S-1/2")]
)
def test_numbers(written: str, number: str) -> None:
    assert values.number_of({"student_number": written}) == number


@pytest.mark.parametrize("written", ["", "2.02401E+11", "学号", "1" * 41, "#REF!", "=A1"])
def test_what_is_no_number_is_a_fault_of_the_row(written: str) -> None:
    with pytest.raises(RowFault):
        values.number_of({"student_number": written})


@pytest.mark.parametrize("name", ["", " \u3000", "x" * 101, "a\x07b"])
def test_what_is_no_name_is_a_fault_of_the_row(name: str) -> None:
    with pytest.raises(RowFault):
        entry(name=name)


@pytest.mark.parametrize("name", ["👩‍🎓", "שלום", "=cmd|x", "阿卜杜拉·买买提"])
def test_input_08_names_are_kept_as_they_are(name: str) -> None:
    assert entry(name=f" {name}\u3000").name == name


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("+86 (0)199 0000 0101", "+8619900000101"),
        ("１９９０００００１０１", "+8619900000101"),
        ("199-0000-0101", "+8619900000101"),
    ],
)
def test_input_28_mobiles_are_normalised(written: str, kept: str) -> None:
    assert entry(mobile=written).contacts.get("mobile", "") == kept


@pytest.mark.parametrize("written", ["1990000010a", "12", "010-62345678", "+19005550199", "199000001010101"])
def test_input_27_a_mobile_that_is_none_is_left_out_and_said(written: str) -> None:
    read = entry(mobile=written, email="Zhang@School.example")
    assert read.contacts == {"email": "zhang@school.example"}
    (flaw,) = read.flaws
    assert (flaw.column, bool(flaw.reason)) == ("mobile", True)
    assert written not in flaw.value or len(written) <= 4


@pytest.mark.parametrize("written", ["a@b@c.example", "a\nb@c.example", '"a b"@c.example', "a@" + "c" * 255, "a@c."])
def test_input_30_a_mail_address_that_is_none_is_left_out_and_said(written: str) -> None:
    assert [flaw.column for flaw in entry(email=written).flaws] == ["email"]


def test_input_31_an_address_with_another_header_in_it_is_left_out() -> None:
    read = entry(email="a@b.example\r\nBcc: c@d.example")
    assert (read.contacts, [flaw.column for flaw in read.flaws]) == ({}, ["email"])


def test_input_30_an_address_under_a_chinese_name_is_punycode() -> None:
    assert entry(email="Hua@学校.example").contacts["email"] == "hua@xn--48s290a.example"


@pytest.mark.parametrize(
    ("written", "state"), [("在读", "active"), ("顶岗实习", "internship"), ("休学", "suspended"), ("毕业", "left")]
)
def test_states(written: str, state: str) -> None:
    assert entry(state=written).state == state


def test_a_state_that_is_not_known_is_a_fault_of_the_row() -> None:
    with pytest.raises(RowFault) as caught:
        entry(state="其他")
    assert caught.value.column == "state"


@pytest.mark.parametrize(("written", "year"), [("2024级", 2024), ("２０２４", 2024), ("24级", 2024), ("2024", 2024)])
def test_cohorts(written: str, year: int) -> None:
    assert entry(cohort=written).cohort == year


@pytest.mark.parametrize(
    "written", ["2006-1-2", "2006/01/02", "2006年1月2日", "20060102", "2006.1.2", "2006-01-02 00:00"]
)
def test_dates(written: str) -> None:
    assert entry(born_on=written).born_on == "2006-01-02"


@pytest.mark.parametrize(("field", "written"), [("born_on", "2006-02-30"), ("born_on", "春天"), ("cohort", "大一")])
def test_a_date_or_a_year_that_is_none_is_left_out_and_said(field: str, written: str) -> None:
    assert [flaw.column for flaw in entry(**{field: written}).flaws] == [field]


def test_the_column_of_the_number_says_who_it_is_unless_the_row_does() -> None:
    assert entry().kind == "student"
    assert values.entry("1", {"staff_number": "1", "name": "张伟"}).kind == "staff"
    assert values.entry("1", {"number": "1", "name": "张伟"}).kind is None
    assert entry(kind="教师").kind == "staff"
    with pytest.raises(RowFault):
        entry(kind="家长")


@pytest.mark.parametrize("nobody", ["无", "/", "-", "—", "暂无", "没有", "n/a", "N/A", "None", "ｎｏｎｅ"])
def test_the_words_for_no_guardian_are_no_guardian(nobody: str) -> None:
    read = entry(guardian_name=nobody, guardian_mobile=nobody, guardian2_name=nobody, guardian2_mobile="19900000201")
    assert read.guardians == (values.Guardian("", "+8619900000201"),)
    assert read.flaws == ()
