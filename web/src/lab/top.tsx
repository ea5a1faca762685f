import { OWN } from "./begin";
import { type LessonFile, lessons } from "./lessons";
import { groups, stories } from "./stories";
import { texts } from "./texts";

interface Props {
  story: string;
  lesson: LessonFile | null;
  onStory: (path: string) => void;
  onLesson: (path: string) => void;
}

/** The choice of a story and of a lesson. */
export function Top({ story, lesson, onStory, onLesson }: Props) {
  return (
    <header class="top">
      <h1>{texts.title}</h1>
      <label>
        {texts.story}{" "}
        <select value={story} onChange={(event) => onStory(event.currentTarget.value)}>
          {story === OWN && <option value={OWN}>{texts.own}</option>}
          {groups.map((group) => (
            <optgroup label={group}>
              {stories
                .filter((one) => one.group === group)
                .map((one) => (
                  <option value={one.path}>{one.name}</option>
                ))}
            </optgroup>
          ))}
        </select>
      </label>
      <label>
        {texts.lesson}{" "}
        <select value={lesson?.path ?? ""} onChange={(event) => onLesson(event.currentTarget.value)}>
          <option value="">{texts.noLesson}</option>
          {lesson && !lessons.includes(lesson) && <option value={lesson.path}>{lesson.title}</option>}
          {lessons.map((one) => (
            <option value={one.path}>{one.title}</option>
          ))}
        </select>
      </label>
    </header>
  );
}
