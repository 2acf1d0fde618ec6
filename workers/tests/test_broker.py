"""A connection whose broker has died is closed without an error, whatever was under way on it."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import current_app
from kombu import Connection, Consumer, Message, Producer, Queue

from tests.services.redis_server import RedisServer


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path).start()
    yield server
    server.stop()


def listen(connection: Connection, channel: object, name: str) -> list[Message]:
    """Consume from the queue `name`; what comes is left unacknowledged."""
    messages: list[Message] = []
    Consumer(channel, [Queue(name)], callbacks=[lambda _body, message: messages.append(message)]).consume()
    with contextlib.suppress(TimeoutError):
        while True:
            connection.drain_events(timeout=0.2)
    return messages


def test_a_worker_can_close_what_is_left_of_a_dead_broker(
    broker: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    connection = current_app.connection_for_read(broker.url)
    first = connection.default_channel
    Producer(first).publish({}, routing_key="doorbells", declare=[Queue("doorbells")])
    (message,) = listen(connection, first, "doorbells")
    listen(connection, connection.channel(), "others")
    broker.kill9()
    # As Celery does it: the first takes the connection apart as far as it goes, the second raises what went wrong.
    connection.collect()
    assert not first.closed
    connection.close()
    assert first.closed
    # A thread of the pool begins with the task only now.
    message.ack_log_error(logging.getLogger(__name__), connection.connection_errors)
    assert "Couldn't ack" in caplog.text


def test_what_was_not_acknowledged_is_given_back_to_a_living_broker(broker: RedisServer) -> None:
    connection = current_app.connection_for_read(broker.url)
    Producer(connection.default_channel).publish({}, routing_key="doorbells", declare=[Queue("doorbells")])
    assert len(listen(connection, connection.default_channel, "doorbells")) == 1
    connection.close()
    assert broker.command("LLEN", "doorbells") == 1
