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

interface Address {
  path: string;
  moment: number | null;
  question: number | null;
}

/** What an address says: a lesson, and one moment or question of it if the page is a part of another page. */
export function lessonOfFragment(fragment: string): Address | null {
  const match = /^#lesson=([\w./-]+?)(?:&(moment|question)=(\d+))?$/.exec(fragment);
  if (!match?.[1]) return null;
  const number = (of: string) => (match[2] === of ? Number(match[3]) : null);
  return { path: match[1], moment: number("moment"), question: number("question") };
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
