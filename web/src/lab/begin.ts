import { type LessonFile, lessonOfFragment, lessons } from "./lessons";
import { fromFragment, stored } from "./storage";
import { stories } from "./stories";

/** The path of a scenario of the learner's own. */
export const OWN = "scenarios/own.toml";
const FIRST = "scenarios/oom4-allocatable-fast.toml";

type Play = (path: string, text: string) => void;

/** Where the page begins: a lesson or a scenario of its address, one that `oomsim lab FILE` put into it, or the last story. */
export async function begin(onLesson: (file: LessonFile, nth: number) => void, play: Play) {
  const named = lessonOfFragment(location.hash);
  const chapter = named && lessons.find((one) => one.path === named.path);
  if (chapter) return onLesson(chapter, named.moment ?? 0);
  const given = document.getElementById("scenario")?.textContent;
  const own = (await fromFragment(location.hash)) ?? (given ? (JSON.parse(given) as string | null) : null);
  if (own !== null) return play(OWN, own);
  const path = stored("story", FIRST);
  const story = stories.find((one) => one.path === path) ?? stories.find((one) => one.path === FIRST);
  if (story) play(story.path, story.text);
}
