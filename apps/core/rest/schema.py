"""What the OpenAPI page says of every verb beside what spectacular finds out itself."""

from typing import Any

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiParameter
from drf_spectacular.views import SpectacularSwaggerSplitView

from apps.core.rest import errors

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Up to 255 printable ASCII characters. Sent again within 24 hours with the same body, the verb is not "
    "done again and its answer is given again.",
)


def answers(success: dict[int, Any], *refusals: int) -> dict[int, Any]:
    """The answers of a verb; those that every verb may give are added by the schema class."""
    return success | dict.fromkeys(refusals, errors.Refusal)


@method_decorator(csp_update({"style-src": [SELF, UNSAFE_INLINE]}), name="dispatch")
class Docs(SpectacularSwaggerSplitView):
    """Swagger UI writes its own styles into the page; scripts stay as forbidden as everywhere."""
