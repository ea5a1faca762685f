//! State that runs behind the clock: what is due is taken when the state is read.

/// A part whose state lags: changes that nothing could notice are taken later, together.
///
/// What such a part holds is read through a [`Settled`], which exists only after everything that is due was taken, and
/// only as long as nothing else happens to the part: it borrows it.
///
/// ```
/// use oomsim_core::engine::{RunsBehind, Settled};
///
/// struct Tank { level: u64, filled_at: u64 }
///
/// impl RunsBehind for Tank {
///     type Scope<'s> = ();
///     type Context<'c> = u64;
///     fn take_due(&mut self, (): (), now: &mut u64) {
///         self.level += *now - self.filled_at;
///         self.filled_at = *now;
///     }
/// }
///
/// fn level(tank: Settled<'_, Tank>) -> u64 {
///     tank.get().level
/// }
///
/// let mut tank = Tank { level: 0, filled_at: 0 };
/// let full = level(tank.settled((), &mut 7));
/// tank.take_due((), &mut 9);
/// assert_eq!(full, 7);
/// ```
/// The same program does not compile when the tank is looked at after it went on: the borrow checker refuses it.
/// ```compile_fail,E0499
/// # use oomsim_core::engine::{RunsBehind, Settled};
/// #
/// # struct Tank { level: u64, filled_at: u64 }
/// #
/// # impl RunsBehind for Tank {
/// #     type Scope<'s> = ();
/// #     type Context<'c> = u64;
/// #     fn take_due(&mut self, (): (), now: &mut u64) {
/// #         self.level += *now - self.filled_at;
/// #         self.filled_at = *now;
/// #     }
/// # }
/// #
/// # fn level(tank: Settled<'_, Tank>) -> u64 {
/// #     tank.get().level
/// # }
/// #
/// let mut tank = Tank { level: 0, filled_at: 0 };
/// let settled = tank.settled((), &mut 7);
/// tank.take_due((), &mut 9);
/// let full = level(settled);
/// assert_eq!(full, 7);
/// ```
/// Nor can the proof be made by hand:
/// ```compile_fail,E0423
/// # use oomsim_core::engine::Settled;
/// let level = 7;
/// let settled = Settled(&level);
/// ```
pub trait RunsBehind {
    /// Of what everything due is to be taken.
    type Scope<'s>;
    /// What taking it needs.
    type Context<'c>;

    /// Takes what is due now.
    fn take_due(&mut self, scope: Self::Scope<'_>, cx: &mut Self::Context<'_>);

    /// The same, and what the part holds afterwards.
    fn settled(&mut self, scope: Self::Scope<'_>, cx: &mut Self::Context<'_>) -> Settled<'_, Self> {
        self.take_due(scope, cx);
        Settled(self)
    }
}

/// A part of which everything due has been taken, as long as it stays so.
#[derive(Debug)]
pub struct Settled<'a, T: ?Sized>(&'a T);

impl<'a, T: ?Sized> Settled<'a, T> {
    /// The part.
    pub fn get(self) -> &'a T {
        self.0
    }
}

impl<T: ?Sized> Clone for Settled<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized> Copy for Settled<'_, T> {}
