"""The Chinese catalogue is whole: every string of the product, no guess, every value where it belongs."""

import re
import subprocess
import sys
from pathlib import Path

from babel.messages.pofile import read_po
from django.conf import settings

CATALOGUE = settings.BASE_DIR / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
VALUE = re.compile(r"%\(\w+\)[a-z]|%\.?\d*[a-z]|\{\w+\}")


def entries(file: Path) -> dict[str | tuple[str, ...], object]:
    with file.open("rb") as stream:
        return {entry.id: entry for entry in read_po(stream, locale="zh_Hans") if entry.id}


def singular(text: str | tuple[str, ...]) -> str:
    return text if isinstance(text, str) else text[0]


def test_nothing_is_left_untranslated_or_guessed() -> None:
    assert [key for key, entry in entries(CATALOGUE).items() if not entry.string or entry.fuzzy] == []


def test_translations_keep_the_values_of_the_original() -> None:
    for key, entry in entries(CATALOGUE).items():
        assert sorted(VALUE.findall(singular(entry.string))) == sorted(VALUE.findall(singular(key))), key


def test_the_catalogue_holds_the_strings_of_the_tree_and_no_others(tmp_path: Path) -> None:
    for name in ("apps", "workers", "msgcenter", "deploy"):
        (tmp_path / name).symlink_to(settings.BASE_DIR / name)
    (tmp_path / "locale").mkdir()
    ignored = [option for name in ("node_modules", "tests") for option in ("-i", name)]
    manage = ["makemessages", "-l", "zh_Hans", "--symlinks", "--no-location", *ignored]
    subprocess.run(
        [sys.executable, settings.BASE_DIR / "manage.py", *manage],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    found = entries(tmp_path / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po")
    known = entries(CATALOGUE).keys()
    assert (found.keys() - known, known - found.keys()) == (set(), set())
