
"use strict";
for (const slider of document.querySelectorAll(".stage input")) {
  const stage = slider.parentElement;
  const move = () => stage.style.setProperty("--line", slider.value + "%");
  slider.addEventListener("input", move);
  move();
}
