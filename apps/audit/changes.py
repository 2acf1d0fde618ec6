"""What was before and after, as the audit log may tell it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.forms import BaseFormSet, BaseModelFormSet, ModelChoiceField, ModelForm
from django.utils.text import Truncator

from apps.core.masking import hidden

#: Characters of a long text; the log tells what was changed, not what a message said.
LONGEST = 300
#: Field -> before and after.
Changes = Mapping[str, tuple[object, object]]


def shown(model: type[Model], changes: Changes) -> dict[str, list[object]]:
    """As it goes into the log.

    What the model's `audit_masks` (field -> function) names goes through that; what is no field of the model at all
    may be anything, a password for example, and is hidden.
    """
    return {name: [_masked(model, name, value) for value in pair] for name, pair in changes.items()}


def of_form(form: ModelForm, formsets: Sequence[BaseFormSet] = ()) -> dict[str, list[object]]:
    """What a saved form and the rows below it have changed."""
    told = shown(type(form.instance), _changes(form))
    for formset in formsets:
        if isinstance(formset, BaseModelFormSet):
            told.update(_of_rows(formset))
    return told


def of_addresses(row: Model, *, gone: bool = False) -> dict[str, list[object]]:
    """The masked addresses of a row that has come, or is `gone`: its name alone does not tell which one it was."""
    masks = {name: mask for name, mask in getattr(row, "audit_masks", {}).items() if mask is not hidden}
    values = {name: getattr(row, name) for name in masks if getattr(row, name)}
    return shown(type(row), {name: (value, None) if gone else (None, value) for name, value in values.items()})


def _of_rows(formset: BaseModelFormSet) -> Iterator[tuple[str, list[object]]]:
    for form in formset.initial_forms:
        changed = shown(formset.model, _changes(form)) if form not in formset.deleted_forms else {}
        for name, pair in changed.items():
            yield f"{formset.model._meta.verbose_name} {form.instance.pk}: {name}", pair
    for row in formset.deleted_objects:
        yield f"{formset.model._meta.verbose_name} {row.pk}", [str(row), None]
    for row in formset.new_objects:
        yield f"{formset.model._meta.verbose_name} {row.pk}", [None, str(row)]


def _changes(form: ModelForm) -> dict[str, tuple[object, object]]:
    return {name: (_before(form, name), form.cleaned_data.get(name)) for name in form.changed_data}


def _before(form: ModelForm, name: str) -> object:
    field, value = form.fields[name], form.get_initial_for_field(form.fields[name], name)
    if not isinstance(field, ModelChoiceField) or value is None or isinstance(value, Model):
        return value
    if isinstance(value, list | tuple):
        return [row if isinstance(row, Model) else field.queryset.filter(pk=row).first() for row in value]
    return field.queryset.filter(pk=value).first()


def _masked(model: type[Model], name: str, value: object) -> object:
    if value in (None, ""):
        return value
    mask = getattr(model, "audit_masks", {}).get(name)
    if mask:
        return mask(value)
    return _words(value) if _is_field(model, name) else hidden(value)


def _is_field(model: type[Model], name: str) -> bool:
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True


def _words(value: Any) -> object:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | dict | Model):
        return ", ".join(sorted(str(one) for one in value))
    return Truncator(value).chars(LONGEST)
