"""Networks timed against the inference engines that others would run them with."""
