"""Card events as JSON text. Members are kept as raw JSON, so that digits and oddities stand as they were drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from ofs.units import format_timestamp_us
from topologies.card_payments.prng import Draw

__all__ = ["OTHER_PINS", "PINS", "CardEvent", "Members", "envelope", "odd_text", "payload", "rendered"]

Members = dict[str, str]
"""Member name to raw JSON text."""

PINS: Final = MappingProxyType(
    {
        "manifest_fingerprint": "3b" * 32,
        "parameter_hash": "a4" * 32,
        "scenario_id": "card-payments",
        "run_id": "51" * 16,
        "seed": 42,
    }
)
"""ContextPins of the run that the log is about."""

OTHER_PINS: Final = (
    MappingProxyType({**PINS, "run_id": "52" * 16}),
    MappingProxyType({name: pin for name, pin in PINS.items() if name != "seed"}),
)
"""Pins of other runs in the same log: another run, and the same but for the absent seed."""

_COUNTRIES: Final = ("DE", "FR", "GB", "US", "NL", "PL", "IT", "BR", "NO", "JP", "ZA", "XK")
_CURRENCIES: Final = ("EUR", "EUR", "EUR", "GBP", "USD", "PLN", "XXX")
_STATUSES: Final = ("APPROVED",) * 16 + ("DECLINED", "DECLINED", "PARTIAL", "approved")
_NAMES: Final = ("Café Müller", "O'Brien & Sons", 'The "Grill"', "拉面馆", "Bäckerei 😀", "a\\b", "tab\there")


@dataclass(frozen=True, slots=True)
class CardEvent:
    """What happened, before it is written: ids as numbers, time in microseconds UTC."""

    number: int
    event_type: str
    time_us: int
    account: int
    card: int
    merchant: int
    device: int


def envelope(event: CardEvent, draw: Draw, pins: MappingProxyType[str, object]) -> Members:
    """The members of the event's envelope, the payload among them."""
    members = {
        "event_id": _text(f"evt-{event.number:09d}"),
        "event_type": _text(event.event_type),
        "ts_utc": _text(_timestamp(event.time_us, draw)),
        **{name: json.dumps(pin) for name, pin in pins.items()},
        "schema_version": _text("v1"),
        "producer": _text("card-gateway"),
    }
    if draw.chance(100):
        members["scenario_run_id"] = "null"
    if draw.chance(300):
        members["trace_id"] = _text(f"{draw.bits():016x}")
    members["payload"] = rendered(payload(event, draw))
    return members


def payload(event: CardEvent, draw: Draw) -> Members:
    """The payload's members; a few in a thousand are missing, null, or not what they should be."""
    is_present = draw.chance(600)
    members = {
        "account_id": _text(f"A{event.account:06d}"),
        "card_id": str(4_000_000_000_000_000 + event.card),
        "merchant_id": _text(f"M{event.merchant:05d}"),
        "device_id": "null" if is_present else _device(event, draw),
        "amount": _amount(event.event_type, draw),
        "currency": _text(draw.one_of(_CURRENCIES)),
        "country": _text(_COUNTRIES[draw.heavy(len(_COUNTRIES), 2)]),
        "status": _text(draw.one_of(_STATUSES)),
        "tries": str(1 + draw.heavy(9, 4)),
        "card_present": "true" if is_present else "false",
        "terminal_at": _text(_timestamp(event.time_us - draw.below(90_000_000), draw)),
        "risk": rendered({"score": _risk_score(draw), "model": _text("r7")}),
        "merchant_name": json.dumps(draw.one_of(_NAMES), ensure_ascii=draw.chance(500)),
    }
    if draw.chance(40):
        _disturb(members, draw)
    return members


def rendered(members: Members) -> str:
    """One JSON object of the members, in their order, without white space."""
    return "{" + ",".join(f'"{name}":{raw}' for name, raw in members.items()) + "}"


def odd_text(members: Members, draw: Draw) -> str:
    """The same event in an unusual but good JSON text: doubled members, escapes, white space, deep or long values."""
    text = rendered(members)
    odd = draw.below(6)
    if odd == 0:
        return '{"event_id":"evt-overwritten",' + text[1:]
    if odd == 1:
        return text.replace('"amount":', '"amount":"nope","\\u0061mount":', 1)
    if odd == 2:
        return " \r\n\t" + text.replace(",", " ,\n ") + "\n"
    if odd == 3:
        return text[:-1] + ',"extra":' + "[" * 100 + "]" * 100 + "}"
    if odd == 4:
        return text[:-1] + f',"extra":{"9" * 100},"tiny":1e-999999}}'
    return text.replace('"event_type":"card', '"event_type":"\\u0063\\u0061rd', 1)


def _text(text: str) -> str:
    return f'"{text}"'


def _timestamp(time_us: int, draw: Draw) -> str:
    """With as many digits as the time needs, or all six."""
    text = format_timestamp_us(time_us)
    if draw.chance(300):
        return text
    shortest = text[:-1].rstrip("0").rstrip(".")
    return f"{shortest}Z"


def _device(event: CardEvent, draw: Draw) -> str:
    """A remote payment's device is not always known, and not always well written."""
    form = draw.below(100)
    if form < 8:
        return "null"
    return draw.one_of(('""', "17.5", "{}")) if form < 10 else _text(f"D{event.device:05d}")


def _amount(event_type: str, draw: Draw) -> str:
    """Cents, mostly small and some very large, in each of the forms that a decimal may have."""
    cents = 50 + draw.bits() % (1 << (6 + draw.heavy(17, 2)))
    sign = "-" if event_type == "card_refund" and draw.chance(900) else ""
    plain = f"{sign}{cents // 100}.{cents % 100:02d}"
    form = draw.below(100)
    if form < 20:
        return _text(plain)
    if form < 24:
        return f"{plain}0"
    if form < 28:
        return f"{sign}{cents}e-2"
    if form < 29:
        return f"{sign}{cents // 100}"
    return plain


def _risk_score(draw: Draw) -> str:
    return f"0.{draw.below(10_000):04d}"


def _disturb(members: Members, draw: Draw) -> None:
    """Make one member missing, null, or of a wrong type or range."""
    name = draw.one_of(
        ("amount", "amount", "tries", "country", "account_id", "merchant_id", "card_id", "risk")
    )
    what = draw.below(4)
    if what == 0:
        del members[name]
    elif what == 1:
        members[name] = "null"
    elif what == 2:
        members[name] = draw.one_of(('""', "true", "[1]", '{"value":1}'))
    else:
        members[name] = draw.one_of(('"1e5"', "12.345", "1e31", "9223372036854775808", '" 12"', "-0", '"٣"'))
