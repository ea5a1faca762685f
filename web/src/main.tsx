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
