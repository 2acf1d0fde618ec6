import pytest

pytest.register_assert_rewrite("apps.channels.providers.tests.contract")
