"""Which column of a timetable holds what: names with aliases, in the row that knows most of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.core.tables import columns

ALIASES: columns.Aliases = {
    "class_name": (
        "班级名称",
        "行政班级",
        "行政班",
        "班级",
        "考生班级",
        "上课班级",
        "教学班名称",
        "教学班",
        "class",
        "class name",
    ),
    "course": (
        "课程名称",
        "考试科目",
        "科目名称",
        "考试课程",
        "课程",
        "科目",
        "course",
        "course name",
        "course title",
        "subject",
    ),
    "course_code": (
        "课程代码",
        "课程号",
        "课程编号",
        "课程编码",
        "科目代码",
        "course code",
        "course id",
        "course number",
    ),
    "room": (
        "考试教室",
        "考场名称",
        "考试地点",
        "考场地点",
        "考场",
        "教室名称",
        "教室",
        "地点",
        "room",
        "location",
        "venue",
    ),
    "heads": ("人数", "考生人数", "学生人数", "考试人数", "应考人数", "heads", "head count", "students", "candidates"),
    "when": (
        "考试时间",
        "考试日期时间",
        "时间",
        "考试时间段",
        "考试时段",
        "时段",
        "time",
        "exam time",
        "date and time",
    ),
    "date": ("考试日期", "日期", "date", "exam date"),
    "starts": ("开始时间", "考试开始时间", "start", "starts at", "start time"),
    "ends": ("结束时间", "考试结束时间", "end", "ends at", "end time"),
    "campus": ("校区", "校区名称", "考试校区", "campus"),
    "college": (
        "学生所在学院",
        "学生学院",
        "所在学院",
        "院系",
        "学院",
        "系部",
        "二级学院",
        "college",
        "faculty",
        "school",
    ),
    "cohort": ("年级", "入学年份", "cohort", "grade", "year"),
    "programme": ("专业名称", "专业", "programme", "program", "major"),
    "seat": ("座位号", "座号", "座位", "seat", "seat number"),
    "student_number": ("学号", "考生学号", "student number", "student id"),
    "student_name": ("姓名", "学生姓名", "考生姓名", "name", "student name"),
}


@dataclass(frozen=True, slots=True)
class Header:
    """Where the table starts: the row of the column names, and field -> position and name of its column.

    `titles` are all names that stand in the row, whether we know them or not.
    """

    row: int
    positions: dict[str, int]
    names: dict[str, str]
    titles: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        found = self.positions.keys()
        wanted = [field for field in ("course", "room") if field not in found]
        if not found & {"class_name", "student_number"}:
            wanted.append("class_name")
        if not found & {"heads", "student_number"}:
            wanted.append("heads")
        return wanted + ([] if "when" in found or {"starts", "ends"} <= found else ["when"])


NONE = Header(0, {}, {})


def find_header(rows: Sequence[Sequence[str]]) -> Header:
    """The row that names most of our columns: titles and notes above it are common."""
    headers = [_header(number, cells) for number, cells in enumerate(rows[: columns.HEADER_WITHIN], start=1)]
    return max(headers, key=lambda header: (not header.missing(), len(header.positions)), default=NONE)


def _header(row: int, cells: Sequence[str]) -> Header:
    positions = columns.positions(cells, ALIASES)
    # `考试日期` alone holds the whole time where there is no second column for it.
    if "date" in positions and not positions.keys() & {"when", "starts"}:
        positions["when"] = positions.pop("date")
    names = {field: cells[position] for field, position in positions.items()}
    return Header(row, positions, names, tuple(cell for cell in cells if cell))
