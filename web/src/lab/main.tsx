import { render } from "preact";
import "../style.css";
import { Lab } from "./app";
import { OneQuestion } from "./lesson";
import { lessonOfFragment, lessons } from "./lessons";
import "./style.css";

const place = document.getElementById("app");
if (place) {
  const address = lessonOfFragment(location.hash);
  const lesson = lessons.find((one) => one.path === address?.path);
  const nth = address?.question ?? null;
  place.replaceChildren();
  render(lesson && nth !== null ? <OneQuestion lesson={lesson} nth={nth} /> : <Lab />, place);
}
