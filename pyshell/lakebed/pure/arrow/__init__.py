"""Arrow without pyarrow: arrays as buffers, and streams of them through Arrow's C interface by ctypes."""
