"""Measurements: `bench.rivals` beside other stores, `bench/micro` for one operation at a time."""
