/** Does the newest wish only: what is wished while another is being done replaces what waits. `stale` says, in between, that
 * another waits. */
export function newest<T>(work: (wish: T, stale: () => boolean) => Promise<void>): (wish: T) => void {
  let waiting: { wish: T } | null = null;
  let busy = false;
  const go = async () => {
    busy = true;
    while (waiting) {
      const { wish } = waiting;
      waiting = null;
      await work(wish, () => waiting !== null);
    }
    busy = false;
  };
  return (wish) => {
    waiting = { wish };
    if (!busy) void go();
  };
}
