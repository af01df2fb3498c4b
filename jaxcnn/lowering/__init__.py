"""How sums over windows are computed fast; knows nothing of derivatives."""
