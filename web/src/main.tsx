import { render } from "preact";
import { App } from "./app";
import type { Page } from "./data";
import "./style.css";

const place = document.getElementById("app");
const data = document.getElementById("data");
if (place && data) {
  place.replaceChildren();
  render(<App page={JSON.parse(data.textContent ?? "") as Page} />, place);
}

// On paper nothing can be opened: explanations are, while it is printed.
const whys = () => [...document.querySelectorAll<HTMLDetailsElement>("details.why")];
let closed: HTMLDetailsElement[] = [];
addEventListener("beforeprint", () => {
  closed = whys().filter((why) => !why.open);
  for (const why of closed) why.open = true;
});
addEventListener("afterprint", () => {
  for (const why of closed) why.open = false;
});
