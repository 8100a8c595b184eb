"""Reports that set our numbers beside others'."""
