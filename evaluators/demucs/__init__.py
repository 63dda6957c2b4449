"""Slimmable DEMUCS: a waveform network whose blocks run at part of their width, fixed or chosen by a router."""
