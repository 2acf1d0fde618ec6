// The form in which a message is written: templates, defaults of a type, the time, and the trees of units.
import { Picker } from "./picker.js";

const form = document.getElementById("compose");
const { templates, types } = JSON.parse(document.getElementById("compose-data").textContent);
const field = (name) => form.elements[name];

function offerTemplates() {
  const box = form.querySelector("[data-templates]");
  const select = box.querySelector("select");
  const fitting = templates.filter((one) => String(one.type_id) === field("type").value);
  select.length = 1;
  for (const one of fitting) select.add(new Option(one.name, one.id));
  box.hidden = fitting.length === 0;
}

function fillFromTemplate(event) {
  const chosen = templates.find((one) => String(one.id) === event.target.value);
  if (!chosen) return;
  field("title").value = chosen.title;
  field("content").value = chosen.content;
}

function takeDefaults() {
  const defaults = types[field("type").value];
  if (!defaults) return;
  field("urgency").value = defaults.urgency;
  for (const box of form.querySelectorAll("input[name=channels]")) box.checked = defaults.channels.includes(Number(box.value));
}

function showTime() {
  form.querySelector("[data-later]").hidden = field("start").value !== "later";
}

field("type").addEventListener("change", () => {
  takeDefaults();
  offerTemplates();
});
form.querySelector("#template").addEventListener("change", fillFromTemplate);
form.addEventListener("change", showTime);
offerTemplates();
showTime();
for (const element of form.querySelectorAll("[data-picker]")) new Picker(element);
