"""A roster that is more than its worker can hold."""

import resource
import string
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.stack import Stack

SCHOOL = """
    school = OrgUnit.objects.create(name="示例学校", kind="school")
    OrgUnit.objects.create(name="一班", kind="class", parent=school)
"""
#: A workbook keeps the texts of its cells in one list, which whoever reads it has in memory.
UPLOAD = string.Template("""
    import io, zipfile, openpyxl
    from apps.directory.roster import services
    book = openpyxl.Workbook()
    for row in (["学号", "姓名", "班级"], ["1001", "张伟", "一班"]):
        book.active.append(row)
    plain, file = io.BytesIO(), io.BytesIO()
    book.save(plain)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    part = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/></Types>'
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    texts = "".join(f"<si><t>{number:060}</t></si>" for number in range($texts))
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"</Types>", part.encode()))
        new.writestr("xl/sharedStrings.xml", f'<sst xmlns="{space}">{texts}</sst>')
    school = OrgUnit.objects.get(kind="school")
    print(services.upload(file.getvalue(), name="roster.xlsx", unit=school, by=None).pk)
""")
STATE = "SELECT state FROM directory_rosterimport WHERE id = {}"
MIB = 2**20


@pytest.mark.once
def test_fault_28_the_import_has_failed_with_a_reason_and_the_worker_lives_on(live_stack: Callable[..., Stack]) -> None:
    stack = live_stack()
    stack.shell(SCHOOL)
    worker = stack.worker(queues=["exports"], concurrency=1)
    small = stack.shell(UPLOAD.substitute(texts=10))
    stack.wait_for(STATE.format(small), [("ready",)], seconds=60)
    pages = int(Path(f"/proc/{worker.pid}/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 24 * MIB
    resource.prlimit(worker.pid, resource.RLIMIT_AS, (limit, limit))
    large = stack.shell(UPLOAD.substitute(texts=600_000))
    stack.wait_for(STATE.format(large), [("failed",)], seconds=120)
    assert stack.rows(f"SELECT COUNT(*) FROM directory_rosterimport WHERE id = {large} AND error <> ''") == [(1,)]
    assert worker.running
    again = stack.shell(UPLOAD.substitute(texts=10))
    stack.wait_for(STATE.format(again), [("ready",)], seconds=60)
