"""Finds code that may write `Delivery.status`.

Whatever writes a `status` counts unless it names another owner: a new name for a delivery then cannot slip through, and
who writes another status says so in the name of his variable.
"""

import ast
import re
from collections.abc import Iterator

# Variables and models that have a status of their own.
OTHERS = re.compile(
    r"^(message|Message|approval|Approval|attempt|Attempt|step|MessageChannel|response|span|IdempotencyKey)$"
)
WRITES = {"update", "bulk_update", "create", "bulk_create", "get_or_create", "update_or_create"}
DML = re.compile(r"\b(update\s+\S+.*\bset\b|(insert|replace)\b[\s\w]*\binto)\b", re.IGNORECASE | re.DOTALL)


def find(code: str) -> list[str]:
    """`line: source` of each place."""
    scan = Scan(ast.parse(code), about_deliveries="deliver" in code.lower())
    places = {(node.lineno, ast.unparse(node)) for node in scan.suspects()}
    return [f"{line}: {source[:120]}" for line, source in sorted(places)]


class Scan:
    def __init__(self, tree: ast.Module, *, about_deliveries: bool) -> None:
        self.nodes = list(ast.walk(tree))
        self.about_deliveries = about_deliveries
        self.other_names: set[str] = set()
        self.other_names = self.names_of_others()

    def names_of_others(self) -> set[str]:
        """Variables that this file only ever sets to something of another model."""
        others, unclear = set(), set()
        for node in self.nodes:
            for target in node.targets if isinstance(node, ast.Assign) else ():
                if isinstance(target, ast.Name) and isinstance(node, ast.Assign):
                    (others if self.is_of_another(node.value) else unclear).add(target.id)
        return others - unclear

    def suspects(self) -> Iterator[ast.expr]:
        in_f_strings = {id(part) for node in self.nodes if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in self.nodes:
            is_text = isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in in_f_strings
            if (
                (isinstance(node, ast.Attribute) and self.assigns_status(node))
                or (isinstance(node, ast.Call) and self.writes_status(node))
                or (is_text and self.is_foreign_sql(node))
            ):
                yield node

    def assigns_status(self, target: ast.Attribute) -> bool:
        stored = target.attr == "status" and isinstance(target.ctx, ast.Store)
        return stored and not self.is_of_another(target.value)

    def writes_status(self, call: ast.Call) -> bool:
        # Our own INSERT … SELECT.
        if ast.unparse(call.func).endswith("insert_select"):
            return bool(call.args) and "Delivery" in ast.unparse(call.args[0])
        if isinstance(call.func, ast.Name):
            if call.func.id == "setattr" and len(call.args) == 3:
                return mentions_status(call.args[1]) and not self.is_of_another(call.args[0])
            return call.func.id == "Delivery" and any(word.arg == "status" for word in call.keywords)
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in WRITES:
            return False
        if self.is_of_another(call.func.value):
            return False
        opaque = any(word.arg is None and not isinstance(word.value, ast.Dict) for word in call.keywords)
        values = [*call.args, *(word.value for word in call.keywords if word.arg in (None, "defaults", "fields"))]
        named = any(word.arg == "status" for word in call.keywords) or any(map(mentions_status, values))
        return named or (opaque and "deliver" in ast.unparse(call.func).lower())

    def is_of_another(self, owner: ast.expr) -> bool:
        """Does `message` of `message.status`, or the model of a chain of calls, have a status of its own?"""
        while isinstance(owner, ast.Call | ast.Attribute):
            if isinstance(owner, ast.Attribute):
                if OTHERS.match(owner.attr):
                    return True
                if "deliver" in owner.attr.lower():
                    return False
            owner = owner.func if isinstance(owner, ast.Call) else owner.value
        return isinstance(owner, ast.Name) and (bool(OTHERS.match(owner.id)) or owner.id in self.other_names)

    def is_foreign_sql(self, node: ast.Constant | ast.JoinedStr) -> bool:
        text = ast.unparse(node) if isinstance(node, ast.JoinedStr) else node.value
        if not isinstance(text, str) or not DML.search(text):
            return False
        names_table = re.search(r"(update|into)\s+[`\"']?[a-z]+_[a-z]+", text, re.IGNORECASE)
        return "deliver" in text.lower() if names_table else self.about_deliveries


def mentions_status(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Constant) and part.value == "status" for part in ast.walk(node))
