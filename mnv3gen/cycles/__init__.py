"""Modelled cycles: executed instructions on a described core, without a device."""
