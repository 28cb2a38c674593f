//! Lapwing probes.
