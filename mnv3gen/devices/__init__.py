"""Devices that run what was compiled: this machine, ssh, adb, TVM's RPC tracker, the emulator."""
