"""Readings of the machine: memory, processors, graphics devices.

host     `HostSensor`: what the domain's port asks for
nvml     graphics devices, as NVIDIA's driver sees them
figures  what a driver or kernel says, made possible
"""
