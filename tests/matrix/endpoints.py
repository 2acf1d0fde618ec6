"""What the site offers, read from its own URL table."""

import functools
from collections.abc import Iterator

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver
from django.views.generic import RedirectView

METHODS = ("get", "post", "put", "patch", "delete")
#: Django's verbs for a model, of which `ADMIN` has the rules.
VERBS = ("changelist", "add", "change", "delete", "history")


@functools.cache
def found() -> dict[str, URLPattern]:
    """`METHOD namespace:name` -> its pattern, for all that is not a page of a model in the admin."""
    offered = {}
    for name, pattern in _walk(get_resolver().url_patterns, ""):
        for method in _methods(pattern):
            offered[f"{method.upper()} {name}"] = pattern
    return offered


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for one in patterns:
        if isinstance(one, URLResolver):
            inner = f"{prefix}{one.namespace}:" if one.namespace else prefix
            yield from _walk(one.url_patterns, inner)
        elif not _is_redirect(one) and not _is_catch_all(one) and prefix + (one.name or "") not in _model_pages():
            yield prefix + (one.name or str(one.pattern)), one


def _methods(pattern: URLPattern) -> tuple[str, ...]:
    """A view that is a function may take anything; GET and POST stand for it."""
    view = getattr(pattern.callback, "view_class", None)
    if view is None:
        return ("get", "post")
    return tuple(method for method in METHODS if method in view.http_method_names and hasattr(view, method))


def _is_redirect(pattern: URLPattern) -> bool:
    view = getattr(pattern.callback, "view_class", None)
    legacy = not pattern.name and str(pattern.pattern) == "<path:object_id>/"
    return legacy or (view is not None and issubclass(view, RedirectView))


def _is_catch_all(pattern: URLPattern) -> bool:
    """404 for whatever has no address of its own, by the API and by the admin."""
    return not pattern.name and str(pattern.pattern) in ("", "(?P<url>.*)$")


@functools.cache
def _model_pages() -> set[str]:
    names = (f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry)
    return {f"admin:{name}_{verb}" for name in names for verb in VERBS}
