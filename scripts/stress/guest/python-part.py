# SPDX-License-Identifier: GPL-2.0-only
"""Python: numbers of any length, floating point, text, data structures, compression and digests. Prints one line. Arguments: SEED SCALE."""

import decimal
import hashlib
import json
import math
import re
import struct
import sys
import zlib

seed, scale = int(sys.argv[1]), int(sys.argv[2])
digest = hashlib.sha256()


def note(*values):
    digest.update(repr(values).encode())


state = seed * 2654435761 % 2**32


def number(bound):
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
    return (state >> 33) % bound


assert sum(range(10**5)) == 4999950000
note(math.factorial(300 * scale), pow(3, 10**4 + seed, 2**521 - 1))
note([math.sin(i / 7) * math.exp(-i / 99) for i in range(2000 * scale)])
decimal.getcontext().prec = 120
note(decimal.Decimal(2).sqrt(), decimal.Decimal(seed + 1).ln())
words = ["".join(chr(97 + number(26)) for _ in range(3 + number(9))) for _ in range(3000 * scale)]
counts = {}
for word in words:
    counts[word[:2]] = counts.get(word[:2], 0) + 1
note(sorted(counts.items()), sorted(words)[:: 100])
text = " ".join(words)
note(re.findall(r"\b([aeiou]\w*?)([xyz])\b", text), re.sub(r"(\w)\1", r"<\1>", text))
packed = zlib.compress(text.encode(), 9)
assert zlib.decompress(packed).decode() == text
note(hashlib.md5(packed).hexdigest(), zlib.crc32(packed))
tree = {"words": words[:200], "counts": counts, "floats": [number(10**9) / 7 for _ in range(200)]}
assert json.loads(json.dumps(tree, sort_keys=True)) == tree
note(json.dumps(tree, sort_keys=True))
note(struct.pack("<dqIh8s", seed / 3, -seed, seed, -3, b"levitate"))


def fibonacci():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b


note([value for value, _ in zip(fibonacci(), range(1500 * scale))][-1])
for name in ("sha1", "sha512", "sha3_256", "blake2b"):
    note(hashlib.new(name, text.encode() * 4).hexdigest())
try:
    [][seed]
except IndexError as error:
    note(str(error))
print("digest", digest.hexdigest()[:32])
