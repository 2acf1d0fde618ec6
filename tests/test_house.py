"""The rules of the house (docs: design and style), held against every source file."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import status_writers

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = ("apps", "workers", "msgcenter", "deploy")
OURS = (*PRODUCT, "tests", "benchmarks")
SKIPPED = {"migrations", "node_modules", "__pycache__"}
FILE_LINES = 500
FUNCTION_LINES = 60
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def files(folders: tuple[str, ...], *endings: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in endings and SKIPPED.isdisjoint(path.parts):
                yield path


def functions(folders: tuple[str, ...]) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in files(folders, ".py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, FUNCTIONS):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def run(*command: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False)


# --- imports ----------------------------------------------------------------------------------------------------------
def test_imports_go_one_way() -> None:
    done = run(sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache")
    assert done.returncode == 0, done.stdout + done.stderr


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def test_providers_know_neither_the_orm_nor_celery() -> None:
    """The contract of import-linter cannot name a part of Django."""
    forbidden = re.compile(r"^(django\.db|django\.contrib|celery|kombu|workers)\b|\bmodels\b")
    providers = files(("apps/channels/providers",), ".py")
    found = [
        f"{path.name}: {name}"
        for path in providers
        for name in imported(ast.parse(path.read_text()))
        if forbidden.search(name)
    ]
    assert found == []


def test_no_import_inside_a_function() -> None:
    """Only `AppConfig.ready` may: Django forbids models before it."""
    found = [
        where
        for where, function in functions(OURS)
        if function.name != "ready"
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert found == []


# --- size and signatures ----------------------------------------------------------------------------------------------
def test_files_stay_below_the_ceiling() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()}
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > FILE_LINES} == {}


def source_files() -> Iterator[Path]:
    return files(OURS, ".py", ".html", ".js", ".css", ".sh")


def test_functions_stay_below_the_ceiling() -> None:
    lengths = {where: (node.end_lineno or 0) - node.lineno + 1 for where, node in functions(OURS)}
    assert {where: length for where, length in lengths.items() if length > FUNCTION_LINES} == {}


def is_typed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = function.args
    arguments = [*names.posonlyargs, *names.args, *names.kwonlyargs, names.vararg, names.kwarg]
    bare = [one.arg for one in arguments if one and not one.annotation and one.arg not in ("self", "cls")]
    return function.returns is not None and not bare


def test_every_signature_is_typed() -> None:
    assert [where for where, function in functions(OURS) if not is_typed(function)] == []


# --- one writer of Delivery.status ------------------------------------------------------------------------------------
def test_delivery_status_has_one_writer() -> None:
    writers = list(files(("apps/delivery/services",), ".py"))
    # Providers have no rows: they know neither the ORM nor SQL (tested above).
    exempt = [*writers, *files(("apps/channels/providers",), ".py")]
    found = {
        str(path.relative_to(ROOT)): places
        for path in files(PRODUCT, ".py")
        if path not in exempt and "tests" not in path.parts
        if (places := status_writers.find(path.read_text(encoding="utf-8")))
    }
    assert found == {}
    assert any(status_writers.find(path.read_text(encoding="utf-8")) for path in writers), "the scan is blind"


@pytest.mark.parametrize(
    "code",
    [
        "own = Message.objects.all()\nown = other\nown.update(status=1)",
        "delivery.status = Status.FAILED",
        "row.status = 'failed'",
        "setattr(row, 'status', 'failed')",
        "Delivery.objects.filter(id=1).update(status='failed')",
        "rows.update(status=Status.FAILED, reason='x')",
        "rows.update(**{'status': 'failed'})",
        "changes = {'status': 'failed'}\nmessage.deliveries.update(**changes)",
        "Delivery.objects.bulk_update(rows, ['status', 'reason'])",
        "Delivery.objects.create(recipient=r, status='queued')",
        "Delivery.objects.bulk_create([Delivery(status='queued')])",
        "Delivery.objects.update_or_create(id=1, defaults={'status': 'x'})",
        "cursor.execute('UPDATE delivery_delivery SET status = %s', [x])",
        "cursor.execute(f'INSERT INTO {Delivery._meta.db_table} (status) SELECT 1')",
        "db.insert_select(Delivery, columns, rows)",
        "cursor.execute('insert ignore into delivery_delivery (id) values (1)')",
        "table = Delivery._meta.db_table\nSQL = 'UPDATE {} SET status = 1'.format(table)",
    ],
)
def test_a_planted_writer_of_delivery_status_is_found(code: str) -> None:
    assert status_writers.find(code)


@pytest.mark.parametrize(
    "code",
    [
        "message.status = Status.PUBLISHED",
        "own = Message.objects.filter(pk=1)\nown.update(status=1)",
        "Message.objects.filter(id=1, status=a).update(status=b)",
        "Delivery.objects.filter(status='queued').update(due_at=now)",
        "if row.status == 'queued': pass",
        "JsonResponse(data, status=404)",
        "db.insert_select(Recipient, columns, rows)",
        "cursor.execute('SELECT status FROM delivery_delivery')",
        "cursor.execute('UPDATE channels_account SET weight = 1')",
    ],
)
def test_readers_and_other_writers_are_left_alone(code: str) -> None:
    assert status_writers.find(code) == []


# --- locks ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("larger", "smaller"), [("test", "trial"), ("bench", "test")])
def test_the_larger_requirements_hold_the_smaller(larger: str, smaller: str) -> None:
    """`deploy/setup` counts on it: after the larger set, the smaller installs nothing."""
    more, fewer = (
        set((ROOT / "deploy" / "requirements" / f"{name}.txt").read_text().splitlines()) for name in (larger, smaller)
    )
    assert fewer - more == set()


def test_locks_name_no_address() -> None:
    locks = [*ROOT.glob("deploy/requirements/*.txt"), ROOT / "apps/core/assets/package-lock.json"]
    assert [path.name for path in locks if re.search(r"https?://|file:", path.read_text())] == []
