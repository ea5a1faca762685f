//! What would have prevented it: changes of one thing, found and verified by running the scenario with them.
//!
//! Each [`Knob`] is turned away from its value until the outcome changes, in steps that double; bisection then
//! finds the step at which it flips. A [`Cure`] has been run, and so has the change of one step less, which does not
//! help. A knob that may help in several regions of its range is found in the one nearest to its value, and not at all
//! where each region lies between two of the doubled steps. What could not be turned is [`NotTried`], with the reason.

mod change;
mod found;
mod knobs;
mod outcome;
mod search;
mod seeds;
mod text;

pub use change::{Change, Source};
pub use found::{Cure, NoDifference, NotTried, Prevention, PreventionSettings};
pub use knobs::{Knob, Position, Steps};
pub use outcome::{Fate, Target, harm_of};
pub use search::prevent;
pub use seeds::Helped;
pub use text::{effect, text, what};
