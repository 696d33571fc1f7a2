//! The wire format between a publisher and the rustecho sidecar.
