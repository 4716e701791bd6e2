"""A small DNS server on loopback: it knows what it was told, and can be told to say nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

# By domain: its records by type. A domain that is not here does not exist.
Zone = Mapping[str, Mapping[str, list[str]]]


class Responder:
    """Answers from a zone over UDP; `silent` ones are asked in vain. Counts what it was asked."""

    def __init__(self, zone: Zone, silent: frozenset[str], broken: frozenset[str]) -> None:
        self.zone, self.silent, self.broken = zone, silent, broken
        self.asked: list[tuple[str, str]] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def resolver(self, lifetime: float = 0.5) -> dns.resolver.Resolver:
        made = dns.resolver.Resolver(configure=False)
        made.nameservers, made.port, made.lifetime = ["127.0.0.1"], self.port, lifetime
        return made

    def _serve(self) -> None:
        while True:
            try:
                data, client = self.socket.recvfrom(4096)
            except OSError:
                return  # it was closed
            if answer := self._answer(dns.message.from_wire(data)):
                self.socket.sendto(answer.to_wire(), client)

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        [question] = query.question
        name = question.name.to_text(omit_final_dot=True)
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if name in self.silent:
            return None
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name in self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.zone:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif records := self.zone[name].get(kind):
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *records))
        return answer

    def close(self) -> None:
        self.socket.close()


@contextmanager
def responding(
    zone: Zone, silent: frozenset[str] = frozenset(), broken: frozenset[str] = frozenset()
) -> Iterator[Responder]:
    responder = Responder(zone, silent, broken)
    try:
        yield responder
    finally:
        responder.close()
