"""Measurements: `rivals` beside other stores, `pages` of frames and advice, `micro` of single operations, `asv` over
commits."""
