"""What a broker connection must do beyond kombu's own."""

from kombu.transport import redis


class Channel(redis.Channel):
    #: Two channels that fail as their connection is taken apart leave one of them to be closed afterwards. kombu would
    #: then give its unacknowledged doorbells back through a connection that is no more, and the worker would end with
    #: an AttributeError. The doorbells are rung again anyway.
    do_restore = property(lambda self: self.connection.client is not None)


class Transport(redis.Transport):
    Channel = Channel
