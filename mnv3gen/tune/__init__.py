"""Search of the schedules' parameters by measuring kernels, and the logs that keep the best."""
