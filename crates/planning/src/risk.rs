//! Who is at risk on a node: how far each container is from its limit, from the kernel's choice and from the kubelet's,
//! how often it dies, and what would happen if a pod grew.

mod deaths;
mod growth;
mod standing;

pub use deaths::{DeathTally, FirstDeaths, deaths};
pub use growth::{GROWTH, GROWTH_RATE, Growth, grown, outcome};
pub use standing::{ContainerStanding, NodeStanding, Room, Standing, standing};
