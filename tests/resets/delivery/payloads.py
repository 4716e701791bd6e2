"""Webhooks as two mail services send them, after the samples of their own documentation.

Mailgun signs each one with HMAC-SHA-256 over its time and a token; Postmark's are known by the
name and password in their address.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from hashlib import sha256
from secrets import token_hex
from typing import Any

SECRET, SIGNING_KEY = "rekey:made-up-for-the-tests", "made-up-signing-key"
AUTHORISED = "Basic " + b64encode(SECRET.encode()).decode()
MAILGUN = {
    "delivered": {
        "event": "delivered",
        "log-level": "info",
        "delivery-status": {
            "tls": True,
            "mx-host": "smtp-in.example.com",
            "attempt-no": 1,
            "description": "",
            "code": 250,
            "message": "OK",
        },
    },
    "deferred": {
        "event": "failed",
        "severity": "temporary",
        "reason": "generic",
        "delivery-status": {
            "attempt-no": 1,
            "code": 452,
            "description": "",
            "message": "4.2.2 The mailbox {to} is over quota",
            "retry-seconds": 600,
        },
    },
    "bounced": {
        "event": "failed",
        "severity": "permanent",
        "reason": "bounce",
        "delivery-status": {
            "attempt-no": 1,
            "code": 550,
            "description": "",
            "message": "5.1.1 <{to}>: user unknown",
        },
    },
    "rejected": {
        "event": "rejected",
        "log-level": "warn",
        "reject": {"reason": "Sandbox subdomains are for test purposes only", "description": ""},
    },
    "spam": {"event": "complained", "log-level": "warn"},
    "opened": {"event": "opened", "ip": "203.0.113.9", "client-info": {"user-agent": "x"}},
}
POSTMARK = {
    "delivered": {
        "RecordType": "Delivery",
        "DeliveredAt": "2026-11-22T16:33:54.9070259Z",
        "Details": "smtp;250 OK",
    },
    "deferred": {
        "RecordType": "Bounce",
        "Type": "Transient",
        "TypeCode": 2,
        "Name": "Message delayed",
        "Description": "The server could not temporarily deliver your message.",
        "Details": "action: delayed {to}",
        "BouncedAt": "2026-11-22T16:33:54.9070259Z",
    },
    "bounced": {
        "RecordType": "Bounce",
        "Type": "HardBounce",
        "TypeCode": 1,
        "Name": "Hard bounce",
        "Description": "The server was unable to deliver your message (ex: unknown user).",
        "Details": "smtp;550 5.1.1 <{to}>: user unknown",
        "BouncedAt": "2026-11-22T16:33:54.9070259Z",
        "Content": "Return-Path: <>",
    },
    "rejected": {
        "RecordType": "Bounce",
        "Type": "ManuallyDeactivated",
        "TypeCode": 16384,
        "Name": "Manually deactivated",
        "Description": "The email was manually deactivated.",
        "Details": "",
        "BouncedAt": "2026-11-22T16:33:54.9070259Z",
    },
    "spam": {
        "RecordType": "SpamComplaint",
        "Type": "SpamComplaint",
        "TypeCode": 512,
        "Name": "Spam complaint",
        "Description": "The subscriber explicitly marked this message as spam.",
        "Details": "Test spam complaint details",
        "BouncedAt": "2026-11-22T16:33:54.9070259Z",
    },
    "opened": {"RecordType": "Open", "FirstOpen": True, "ReceivedAt": "2026-11-22T16:33:54Z"},
}


def webhook(service: str, kind: str, reference: str, to: str) -> dict[str, Any]:
    """The request's keyword arguments: what became (`kind`) of the mail with this reference."""
    make = {"mailgun": _mailgun, "postmark": _postmark}[service]
    body = json.dumps(make(kind, reference, to)).replace("{to}", to)
    headers = {"Authorization": AUTHORISED}
    return {"data": body, "content_type": "application/json", "headers": headers}


def _mailgun(kind: str, reference: str, to: str) -> dict[str, Any]:
    timestamp, token = "1795365234", token_hex(25)
    signed = hmac.new(SIGNING_KEY.encode(), f"{timestamp}{token}".encode(), sha256).hexdigest()
    return {
        "signature": {"timestamp": timestamp, "token": token, "signature": signed},
        "event-data": {
            "id": "CPgfbmQMTCKtHW6uIWtuVe",
            "timestamp": 1795365234.908181,
            "message": {
                "headers": {
                    "to": f"Owner <{to}>",
                    "message-id": f"{reference}@localhost",
                    "from": "Rekey <rekey@localhost>",
                    "subject": "Verification code for Gate north",
                },
                "attachments": [],
                "size": 111,
            },
            "recipient": to,
            "recipient-domain": to.rpartition("@")[2],
            "campaigns": [],
            "tags": [],
            "user-variables": {},
            **MAILGUN[kind],
        },
    }


def _postmark(kind: str, reference: str, to: str) -> dict[str, Any]:
    return {
        "ServerID": 23,
        "MessageStream": "outbound",
        "ID": 42,
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Metadata": {"rekey": reference},
        "Tag": "",
        "Recipient": to,
        "Email": to,
        "From": "rekey@localhost",
        "Subject": "Verification code for Gate north",
        **POSTMARK[kind],
    }
