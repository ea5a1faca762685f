import { render } from "preact";
import "../style.css";
import { Lab } from "./app";
import "./style.css";

const place = document.getElementById("app");
if (place) {
  place.replaceChildren();
  render(<Lab />, place);
}
