"""The ways in which schools write when an exam takes place: `span("2025年11月15日(10:25-12:15)", zone)`."""

import re
from datetime import datetime, tzinfo

from apps.core.tables.cells import narrow

DASH = r" ?(?:-|~|至|到) ?"
DATE = r"(?P<{0}year>\d{{4}}) ?[-年/.] ?(?P<{0}month>\d{{1,2}}) ?[-月/.] ?(?P<{0}day>\d{{1,2}})(?: ?日 ?|[ T])"
TIME = r"(?P<{0}half>上午|下午|中午|晚上|晚)? ?(?P<{0}hour>\d{{1,2}})[:时点](?P<{0}minute>\d{{1,2}})?分?(?::\d{{2}})?"
SPAN = re.compile(
    rf"{DATE.format('from_')}{TIME.format('from_')}{DASH}(?:{DATE.format('to_')})?{TIME.format('to_')}", re.ASCII
)
WEEKDAY = re.compile(
    r"第\d+周|(?:星期|周|礼拜)[一二三四五六日天]"
    r"|\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?",
    re.I,
)
#: Below this hour, a time that carries the word is twelve hours later: `下午2:00`, but `下午14:00` and `中午11:30`.
AFTERNOON = {"中午": 11, "下午": 12, "晚上": 12, "晚": 12}
FILLING = re.compile(r"[\s()\[\]【】,;，；、]+")


class TimeError(ValueError):
    """The text is no date with a start and an end. `code` says what is wrong: unreadable, impossible or backwards."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def span(value: str, zone: tzinfo) -> tuple[datetime, datetime]:
    """Start and end in the school's zone. Raises `TimeError`."""
    found = SPAN.fullmatch(FILLING.sub(" ", WEEKDAY.sub(" ", narrow(value))).strip())
    if not found:
        raise TimeError("unreadable")
    parts = found.groupdict()
    if not parts["to_year"]:
        parts |= {f"to_{name}": parts[f"from_{name}"] for name in ("year", "month", "day")}
    parts["to_half"] = parts["to_half"] or parts["from_half"]
    starts_at, ends_at = (_moment(parts, prefix, zone) for prefix in ("from_", "to_"))
    if ends_at <= starts_at:
        raise TimeError("backwards")
    return starts_at, ends_at


def _moment(parts: dict[str, str | None], prefix: str, zone: tzinfo) -> datetime:
    year, month, day, hour, minute = (
        int(parts[prefix + name] or 0) for name in ("year", "month", "day", "hour", "minute")
    )
    if hour < AFTERNOON.get(parts[prefix + "half"] or "", 0):
        hour += 12
    try:
        return datetime(year, month, day, hour, minute, tzinfo=zone)
    except ValueError:
        raise TimeError("impossible") from None
