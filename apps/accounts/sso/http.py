"""How a login waits for another server. Without Django's models: the settings name it."""

from typing import Any

import requests

#: Seconds to connect and between two bytes.
TIMEOUT = (3, 10)


class Session(requests.Session):
    """The CAS client itself knows no time-out."""

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        return super().request(*args, **{"timeout": TIMEOUT, **kwargs})
