"""Talks to a banditcore server: `Client` from threads, `AsyncClient` from asyncio, same methods, same results."""

from banditcore.client.aio import AsyncClient
from banditcore.client.answers import Answer, AnswerColumns, Applied
from banditcore.client.errors import CallFailed
from banditcore.client.sync import Client

__all__ = ["Answer", "AnswerColumns", "Applied", "AsyncClient", "CallFailed", "Client"]
