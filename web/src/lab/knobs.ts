import type { Cgroup, Instant, Run } from "../data";
import { bytes } from "../format";
import type { Knob } from "./handle";
import { texts } from "./texts";
import { draggedLimit, evictionHard, type Wish } from "./wish";

/** What can be dragged in the bars: each limit, and on the node's bar the threshold of hard eviction. */
export function knobs(run: Run, instant: Instant, wishes: readonly Wish[], onWish: (wish: Wish) => void) {
  // Steps that a hand can tell apart, in whole powers of two.
  const step = 2 ** Math.max(20, Math.floor(Math.log2(instant.memTotal / 512)));
  const wished = (key: string) => wishes.find((one) => one.key === key)?.value;
  return (cgroup: Cgroup): Knob | null => {
    const shared = { min: step, max: instant.memTotal, step, said: bytes };
    if (cgroup.of === "node") {
      if (run.node.evictionHard === null) return null;
      const value = wished("kubelet.evictionHard.memory.available") ?? run.node.evictionHard;
      return { ...shared, label: texts.evictionHard, value, leftwards: true, onTurn: (to) => onWish(evictionHard(to)) };
    }
    if (cgroup.limit === null || cgroup.limit >= instant.memTotal) return null;
    const value = wished(`limit ${cgroup.path}`) ?? cgroup.limit;
    return { ...shared, label: texts.limitFor(cgroup.name), value, onTurn: (to) => onWish(draggedLimit(cgroup, to, instant.at)) };
  };
}
