// The lightbox: one picture large, or an altered one over its unaltered one. Without it, links open the pictures.
"use strict";

const viewer = document.getElementById("viewer");
const stage = viewer.querySelector(".stage");
const slider = viewer.querySelector("input");
const [after, before] = ["after", "before"].map((name) => viewer.querySelector(`img.${name}`));
const links = [...document.querySelectorAll("a.open")];
let at = 0;

function cut() {
  stage.style.setProperty("--cut", `${slider.value}%`);
}

function show(number) {
  at = (number + links.length) % links.length;
  const link = links[at];
  after.src = link.href;
  after.alt = link.querySelector("img").alt;
  const compared = "before" in link.dataset;
  before.hidden = slider.hidden = !compared;
  stage.classList.toggle("compared", compared);
  if (compared) {
    before.src = new URL(link.dataset.before, document.baseURI).href;
    slider.value = 50;
    cut();
  }
  document.getElementById("viewer-name").textContent = link.dataset.name;
}

links.forEach((link, number) => {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(number);
    viewer.showModal();
  });
});

slider.addEventListener("input", cut);
viewer.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (event.target === viewer || (button && "close" in button.dataset)) viewer.close();
  else if (button) show(at + Number(button.dataset.step));
});
viewer.addEventListener("close", () => links[at].focus());
viewer.addEventListener("keydown", (event) => {
  if (event.target === slider) return;
  if (event.key === "ArrowLeft") show(at - 1);
  if (event.key === "ArrowRight") show(at + 1);
});
