"""Where a bundle's work goes, by kernel: executed instructions, emulated, or time, natively."""
