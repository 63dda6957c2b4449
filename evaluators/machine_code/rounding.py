"""Rounding floats to integers by an addition."""

MAGIC = 1.5 * 2.0**23
"""Added to a float below 2**22 in magnitude, it rounds it to an integer: the sum's spacing is 1."""

MAGIC_BITS = 0x4B400000
"""The bits of the float MAGIC, as an integer. Those of MAGIC + q are MAGIC_BITS + q."""
