// The lessons of the book, as they are.
const chapters = import.meta.glob<string>("../../../docs/learn/*.md", { query: "?raw", import: "default", eager: true });

export interface LessonFile {
  path: string;
  title: string;
  text: string;
}

export const lessonFile = (path: string, text: string): LessonFile => ({ path, text, title: /^# (.+)$/m.exec(text)?.[1] ?? path });

/** Files without a moment are for reading only. */
export const isLesson = (text: string): boolean => text.includes("```toml,lab");

export const lessons: LessonFile[] = Object.entries(chapters)
  .filter(([, text]) => isLesson(text))
  .map(([key, text]) => lessonFile(key.replace("../../../", ""), text));

/** What an address says: a lesson, and one moment of it if the page is a part of another page. */
export function lessonOfFragment(fragment: string): { path: string; moment: number | null } | null {
  const match = /^#lesson=([\w./-]+?)(?:&moment=(\d+))?$/.exec(fragment);
  return match?.[1] ? { path: match[1], moment: match[2] === undefined ? null : Number(match[2]) } : null;
}

/** The path that a link in a lesson leads to. */
export function besides(lesson: string, link: string): string {
  const parts = lesson.split("/").slice(0, -1);
  for (const part of (link.split("#")[0] ?? "").split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}
