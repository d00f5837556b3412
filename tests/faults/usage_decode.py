"""Segments decoded by other means than ours: protobuf's wire format by hand, field numbers as in proto/usage.proto."""
import uuid


def varints(data):
    """All numbers of a packed column."""
    out, value, shift = [], 0, 0
    for byte in data:
        if byte < 0x80:
            out.append(value | byte << shift)
            value = shift = 0
        else:
            value |= (byte & 0x7F) << shift
            shift += 7
    if shift:
        raise ValueError("a packed column ends inside a number")
    return out


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    """(number, value) in order; value is an int or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
            if len(value) != length:
                raise ValueError("a field is longer than its message")
        else:
            raise ValueError(f"wire type {kind} is not used here")
        yield key >> 3, value


def config(data):
    """(tenant index, function, memory_mb)"""
    values = dict(fields(data))
    return values.get(1, 0), values.get(2, b"").decode(), values.get(6, 0)


def unzigzag(value):
    return value >> 1 ^ -(value & 1)


def records(payload):
    """[(tenant, request_id, attempt, function, memory_mb, started_at_us, duration_us)] of a UsageBatch."""
    tenants, configs, texts = [], [], []
    packed = {number: b"" for number in (4, 5, 6, 7, 9, 10)}
    for number, value in fields(payload):
        if number == 1:
            tenants.append(value.decode())
        elif number == 3:
            configs.append(config(value))
        elif number == 8:
            texts.append(value.decode())
        elif number in packed:
            packed[number] += value
    config_of, durations = varints(packed[4]), varints(packed[6])
    kinds = varints(packed[9]) or [0] * len(config_of)
    attempts = varints(packed[10]) or [1] * len(config_of)
    starts, now = [], 0
    for delta in varints(packed[5]):
        now += unzigzag(delta)
        starts.append(now)
    if not len(config_of) == len(durations) == len(kinds) == len(attempts) == len(starts):
        raise ValueError("columns of different lengths")
    uuids = (packed[7][at:at + 16] for at in range(0, len(packed[7]), 16))
    texts = iter(texts)
    out = []
    for i, number in enumerate(config_of):
        identity = str(uuid.UUID(bytes=next(uuids))) if kinds[i] == 0 else next(texts)
        tenant, function, memory = configs[number]
        out.append((tenants[tenant], identity, attempts[i], function, memory, starts[i], durations[i]))
    if next(uuids, None) is not None or next(texts, None) is not None:
        raise ValueError("more ids than records")
    return out


def runs(sources):
    """The column `sources`: [(stream_id, sequence, records)]."""
    return [(stream, sequence, records) for stream, sequence, _, records in received(sources)]


def received(sources):
    """With the receipt of each run, None where it is that of the segment's commit: [(stream_id, sequence, receipt, records)]."""
    if sources[:1] == b"\x02":
        numbers, out, before = varints(sources[1:]), [], (0, 0, 0)
        if len(numbers) % 4:
            raise ValueError("sources end inside a run")
        for at in range(0, len(numbers), 4):
            before = tuple(old + unzigzag(new) for old, new in zip(before, numbers[at:at + 3]))
            out.append((*before, numbers[at + 3]))
        return out
    if len(sources) % 24:
        raise ValueError("sources end inside a run")
    numbers = [int.from_bytes(sources[at:at + 8], "big") for at in range(0, len(sources), 8)]
    return [(*numbers[at:at + 2], None, numbers[at + 2]) for at in range(0, len(numbers), 3)]
