"""What a broker connection must do beyond kombu's own."""

import redis as client
from kombu.transport import redis


class Channel(redis.Channel):
    """Says that its connection is lost, in the words that kombu and Celery expect.

    As they take a dead connection apart they may still give a doorbell back or acknowledge one. kombu would then look
    into the connection that is no more, and the worker would end with an AttributeError.
    """

    def _connparams(self, asynchronous: bool = False) -> dict[str, object]:
        if self.connection is None or self.connection.client is None:
            raise client.ConnectionError("the connection has been taken apart")
        return super()._connparams(asynchronous)


class Transport(redis.Transport):
    Channel = Channel
