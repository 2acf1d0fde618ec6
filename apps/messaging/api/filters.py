"""What lists of messages can be narrowed down by."""

from django.db.models import QuerySet
from django.http import HttpRequest
from django_filters import rest_framework as filters

from apps.accounts import rights
from apps.accounts.rights import Right
from apps.directory.models import OrgUnit
from apps.messaging.models import MessageType, Template, Urgency
from apps.messaging.states import Status


def visible_units(request: HttpRequest | None) -> QuerySet[OrgUnit]:
    """A foreign unit is as unknown as one that never was."""
    units = OrgUnit.objects.without_tree_fields()
    return units.filter(pk__in=rights.units_with(request.user, Right.SEE)) if request else units.none()


class MessageFilters(filters.FilterSet):
    status = filters.ChoiceFilter(choices=Status.choices)
    type = filters.ModelChoiceFilter(queryset=MessageType.objects.all(), to_field_name="key")
    unit = filters.ModelChoiceFilter(queryset=visible_units)
    urgency = filters.ChoiceFilter(choices=Urgency.choices)


class TemplateFilters(filters.FilterSet):
    type = filters.ModelChoiceFilter(queryset=MessageType.objects.all(), to_field_name="key")

    class Meta:
        model = Template
        fields = ["type"]
