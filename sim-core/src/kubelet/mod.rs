//! The kubelet: allocatable, QoS, eviction, restarts.
