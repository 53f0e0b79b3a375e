"""What the tests of the resolver share."""

from collections.abc import Iterator

import pytest

from tests.lnurl.wire.pay_service import PayService
from tests.lnurl.wire.services import Service


@pytest.fixture
def honest() -> Iterator[PayService]:
    with Service() as service:
        yield PayService(service)
