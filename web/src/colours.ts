/** Colours that people with any kind of colour vision tell apart (Okabe and Ito 2008), darkened for white paper. */
const LIGHT = ["#0072b2", "#b35c00", "#007a5a", "#a3477e", "#8a6d00", "#3a86a8", "#5a5a5a"];
const DARK = ["#56b4e9", "#e69f00", "#33c49a", "#e08fbe", "#f0e442", "#8fd0ff", "#bdbdbd"];

export const dark = () => window.matchMedia("(prefers-color-scheme: dark)").matches;

export function colour(index: number): string {
  const list = dark() ? DARK : LIGHT;
  return list[index % list.length] ?? "#888888";
}

/** Line patterns, so that curves differ without colour, too. */
const DASHES: readonly (readonly number[])[] = [[], [8, 4], [2, 3], [10, 3, 2, 3]];

export function dash(index: number): number[] {
  return [...(DASHES[Math.floor(index / 7) % DASHES.length] ?? [])];
}
