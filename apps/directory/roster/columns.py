"""Which column of a roster holds what: by its name, or as the user says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.errors import InvalidInput, UnreadableFile
from apps.core.tables import columns


class Field(models.TextChoices):
    STUDENT_NUMBER = "student_number", gettext_lazy("student number")
    STAFF_NUMBER = "staff_number", gettext_lazy("staff number")
    NUMBER = "number", gettext_lazy("student or staff number")
    NAME = "name", gettext_lazy("name of the person")
    KIND = "kind", gettext_lazy("kind of person")
    STATE = "state", gettext_lazy("state")
    COHORT = "cohort", gettext_lazy("cohort (year)")
    BORN_ON = "born_on", gettext_lazy("born on")
    UNIT_CODE = "unit_code", gettext_lazy("code of the org unit")
    UNIT_PATH = "unit_path", gettext_lazy("path of the org unit")
    COLLEGE = "college", gettext_lazy("college")
    PROGRAMME = "programme", gettext_lazy("programme")
    CLASS_NAME = "class_name", gettext_lazy("class")
    DEPARTMENT = "department", gettext_lazy("department")
    MOBILE = "mobile", gettext_lazy("mobile number")
    EMAIL = "email", gettext_lazy("e-mail address")
    GUARDIAN_NAME = "guardian_name", gettext_lazy("guardian's name")
    GUARDIAN_MOBILE = "guardian_mobile", gettext_lazy("guardian's mobile number")
    GUARDIAN2_NAME = "guardian2_name", gettext_lazy("second guardian's name")
    GUARDIAN2_MOBILE = "guardian2_mobile", gettext_lazy("second guardian's mobile number")
    ADVISER_NUMBER = "adviser_number", gettext_lazy("class adviser's number")
    ADVISER = "adviser", gettext_lazy("class adviser")


#: What a user says of a column that is not to be read.
IGNORED = ""
NUMBERS = (Field.STUDENT_NUMBER, Field.STAFF_NUMBER, Field.NUMBER)

ALIASES: columns.Aliases = {
    Field.STUDENT_NUMBER: ("学号", "学生学号", "学籍号", "student number", "student no", "student id"),
    Field.STAFF_NUMBER: (
        *("工号", "职工号", "教工号", "教职工号", "职工编号", "教师工号"),
        *("staff number", "staff no", "staff id", "employee number", "employee id"),
    ),
    Field.NUMBER: ("学工号", "学号/工号", "人员编号", "编号", "number", "id number", "no"),
    Field.NAME: ("姓名", "学生姓名", "教师姓名", "教职工姓名", "名字", "name", "full name", "student name"),
    Field.KIND: ("类别", "人员类别", "人员类型", "身份", "身份类别", "kind", "type", "category"),
    Field.STATE: (
        *("状态", "学籍状态", "学生状态", "在校状态", "在读状态", "在职状态", "人员状态"),
        *("state", "status"),
    ),
    Field.COHORT: ("年级", "入学年份", "入学年级", "所在年级", "cohort", "grade", "year", "entry year"),
    Field.BORN_ON: (
        *("出生日期", "出生年月日", "出生年月", "生日"),
        *("born on", "date of birth", "birth date", "birthday"),
    ),
    Field.UNIT_CODE: (
        *("班级代码", "班级编号", "班级编码", "班号", "部门代码", "部门编号", "部门编码", "单位代码"),
        *("class code", "unit code", "department code"),
    ),
    Field.UNIT_PATH: ("班级路径", "部门路径", "组织路径", "组织机构", "unit path", "path", "unit", "org unit"),
    Field.COLLEGE: (*("学院", "院系", "所在学院", "学院名称", "院系名称", "二级学院", "系部", "college", "faculty"),),
    Field.PROGRAMME: ("专业", "专业名称", "所学专业", "programme", "program", "major"),
    Field.CLASS_NAME: ("班级", "班级名称", "行政班", "行政班级", "所在班级", "class", "class name"),
    Field.DEPARTMENT: ("部门", "部门名称", "所在部门", "所属部门", "单位", "科室", "department", "office"),
    Field.MOBILE: (
        *("手机", "手机号", "手机号码", "本人手机", "学生手机", "移动电话", "联系电话", "本人电话", "电话"),
        *("mobile", "mobile number", "mobile phone", "cell phone", "phone", "phone number"),
    ),
    Field.EMAIL: ("邮箱", "电子邮箱", "电子邮件", "邮件", "邮箱地址", "email", "e-mail", "mail", "email address"),
    Field.GUARDIAN_NAME: (
        *("家长姓名", "家长1姓名", "监护人姓名", "家长", "监护人", "父亲姓名", "父亲", "第一监护人"),
        *("guardian", "guardian name", "parent", "parent name"),
    ),
    Field.GUARDIAN_MOBILE: (
        *(
            "家长手机",
            "家长1手机",
            "家长电话",
            "家长手机号",
            "家长联系电话",
            "家长联系方式",
            "监护人手机",
            "监护人电话",
        ),
        *(
            "父亲电话",
            "父亲手机",
            "第一监护人电话",
            "guardian mobile",
            "guardian phone",
            "parent mobile",
            "parent phone",
        ),
    ),
    Field.GUARDIAN2_NAME: ("母亲姓名", "母亲", "家长2姓名", "第二监护人", "guardian 2", "second guardian"),
    Field.GUARDIAN2_MOBILE: (
        *("母亲电话", "母亲手机", "家长2手机", "家长2电话", "第二监护人电话"),
        *("guardian 2 mobile", "second guardian mobile"),
    ),
    Field.ADVISER_NUMBER: ("班主任工号", "班主任编号", "adviser number", "class adviser number"),
    Field.ADVISER: ("班主任", "班主任姓名", "class adviser", "adviser", "class teacher"),
}


@dataclass(frozen=True, slots=True)
class Header:
    """The row of the names of the columns. `row` is where it stands, `after` how many rows stand before the next."""

    row: int = 0
    after: int = 0
    titles: tuple[str, ...] = ()
    positions: Mapping[str, int] = field(default_factory=dict)

    def missing(self) -> list[Field]:
        """What no roster can do without, by the field that stands for it."""
        wanted = [] if self.positions.keys() & set(NUMBERS) else [Field.STUDENT_NUMBER]
        return wanted + ([] if Field.NAME in self.positions else [Field.NAME])

    @property
    def rank(self) -> tuple[bool, int, int]:
        return not self.missing(), len(self.positions), sum(map(bool, self.titles))


def find(rows: Sequence[tuple[int, list[str]]], mapping: Mapping[str, str]) -> Header:
    """The row that names most of our columns; `rows` are the first ones of a table."""
    headers = [_header(row, after, cells, mapping) for after, (row, cells) in enumerate(rows, start=1)]
    return max(headers, key=lambda header: header.rank, default=Header())


def require(header: Header) -> Header:
    """Raises `UnreadableFile` where columns are missing or one of ours is there twice."""
    if missing := header.missing():
        wanted = "; ".join(" / ".join(ALIASES[one][:3]) for one in missing)
        found = ", ".join(filter(None, header.titles)) or _("none")
        raise UnreadableFile(
            _("Columns are missing. Wanted: %(wanted)s. Found: %(found)s.") % {"wanted": wanted, "found": found}
        )
    for position in header.positions.values():
        twice = [one for one in header.titles if one and one == header.titles[position]]
        if len(twice) > 1:
            raise UnreadableFile(
                _("Line %(line)d: there are %(count)d columns of the name %(title)s.")
                % {"line": header.row, "count": len(twice), "title": twice[0]}
            )
    return header


def described(header: Header) -> list[dict[str, str]]:
    """Every column by its title, and the field it is read as (empty: not at all)."""
    read_as = {position: name for name, position in header.positions.items()}
    return [
        {"title": title, "field": str(read_as.get(position, IGNORED))}
        for position, title in enumerate(header.titles)
        if title
    ]


def checked(mapping: object) -> dict[str, str]:
    """Title -> field, as a user has given it. Raises `InvalidInput`."""
    if not isinstance(mapping, Mapping):
        raise InvalidInput(_("A mapping of titles to fields is expected."), field="mapping")
    for title, name in mapping.items():
        if name != IGNORED and name not in Field.values:
            known = ", ".join(Field.values)
            raise InvalidInput(
                _("%(title)s: there is no field %(name)s; there are %(known)s.")
                % {"title": str(title)[:100], "name": str(name)[:100], "known": known},
                field="mapping",
            )
    doubled = [name for name in mapping.values() if name and list(mapping.values()).count(name) > 1]
    if doubled:
        raise InvalidInput(_("Two columns are mapped to %(name)s.") % {"name": doubled[0]}, field="mapping")
    return {str(title): str(name) for title, name in mapping.items()}


def _header(row: int, after: int, cells: list[str], mapping: Mapping[str, str]) -> Header:
    said = {columns.title(title): name for title, name in mapping.items()}
    # A column of which the user has spoken is what he says, whatever its name says.
    titles = ["" if columns.title(cell) in said else cell for cell in cells]
    positions = columns.positions(titles, ALIASES)
    for position, cell in reversed(list(enumerate(cells))):
        if name := said.get(columns.title(cell)):
            positions[name] = position
    return Header(row, after, tuple(cells), positions)
