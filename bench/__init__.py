"""Measurements: `bench.rivals` beside other stores, `bench.pages` of frames and advice, `bench.micro` of one operation at a time, `bench.asv` over commits."""
