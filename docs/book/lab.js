// Puts the lab into the pages of the book: each moment of a lesson becomes a frame at that instant, each question one with its answers.
// Without lab.html beside the book, the blocks stay as they are written.
(() => {
  "use strict";
  const moments = [...document.querySelectorAll("code.language-toml.lab")];
  const page = location.pathname.match(/learn\/([^/]+)\.html$/);
  if (moments.length === 0 || !page || typeof path_to_root === "undefined") return;
  const lab = `${path_to_root}lab.html#lesson=docs/learn/${page[1]}.md`;
  const probe = location.protocol === "file:" ? Promise.resolve(true) : fetch(`${path_to_root}lab.html`, { method: "HEAD" }).then((r) => r.ok, () => false);
  void probe.then((there) => {
    if (!there) return;
    moments.forEach((code, nth) => {
      const frame = document.createElement("iframe");
      frame.src = `${lab}&moment=${nth}`;
      frame.title = "The lab at this moment";
      frame.loading = "lazy";
      frame.className = "lab";
      const whole = document.createElement("p");
      const link = document.createElement("a");
      link.href = lab;
      link.textContent = "Open this chapter in the lab";
      whole.append(link);
      code.closest("pre").replaceWith(frame, whole);
    });
    document.querySelectorAll("code.language-toml.question").forEach((code, nth) => {
      const frame = document.createElement("iframe");
      frame.src = `${lab}&question=${nth}`;
      frame.title = "A question";
      frame.loading = "lazy";
      frame.className = "question";
      code.closest("pre").replaceWith(frame);
    });
  });
})();
