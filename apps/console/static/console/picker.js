// A tree of org units with checkboxes: it folds, it can be searched, and a chosen unit takes all below it along.

export class Picker {
  constructor(element) {
    this.element = element;
    this.items = [...element.querySelectorAll("li")];
    element.addEventListener("click", (event) => this.toggle(event.target.closest("button.tree-toggle")));
    element.addEventListener("change", (event) => event.target.matches("[type=checkbox]") && this.choose(event.target));
    element.querySelector("[data-search]").addEventListener("input", (event) => this.search(event.target.value));
    // Enter in the search field must not send the message.
    element.querySelector("[data-search]").addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
    this.tops = this.items.filter((item) => !item.parentElement.closest("li"));
    element.querySelector("[data-all]")?.addEventListener("click", () => this.chooseAll());
    for (const box of this.boxes(element)) if (box.checked) this.coverBelow(box);
    this.unfoldChosen();
    this.show();
  }

  boxes(within) {
    return [...within.querySelectorAll("input[type=checkbox]")];
  }

  fold(item, folded) {
    const below = item.querySelector(":scope > ul");
    if (!below) return;
    below.hidden = folded;
    item.querySelector("button.tree-toggle").setAttribute("aria-expanded", String(!folded));
  }

  toggle(button) {
    if (button) this.fold(button.closest("li"), button.getAttribute("aria-expanded") === "true");
  }

  // A single top stays open, so that the tree does not start as one line.
  unfoldChosen() {
    for (const item of this.items) {
      const onlyTop = this.tops.length === 1 && item === this.tops[0];
      this.fold(item, !onlyTop && !this.boxes(item).slice(1).some((box) => box.checked && !box.disabled));
    }
  }

  coverBelow(box) {
    for (const below of this.boxes(box.closest("li")).slice(1)) {
      below.checked = box.checked;
      below.disabled = box.checked;
    }
  }

  // Everything, or nothing if everything was chosen already.
  chooseAll() {
    const boxes = this.tops.map((item) => this.boxes(item)[0]);
    const all = boxes.every((box) => box.checked);
    for (const box of boxes) {
      box.checked = !all;
      this.coverBelow(box);
    }
    this.show();
  }

  choose(box) {
    this.coverBelow(box);
    this.show();
  }

  show() {
    for (const item of this.items) {
      const [own, ...below] = this.boxes(item);
      own.indeterminate = !own.checked && below.some((box) => box.checked);
    }
    const chosen = this.boxes(this.element).filter((box) => box.checked && !box.disabled);
    const names = chosen.map((box) => box.closest("li").dataset.name);
    const line = this.element.querySelector("[data-chosen]");
    line.textContent = names.length ? names.slice(0, 6).join(" · ") + (names.length > 6 ? ` … (${names.length})` : "") : line.dataset.empty;
  }

  search(text) {
    const wanted = text.trim().toLowerCase();
    const hits = this.items.filter((item) => item.dataset.name.toLowerCase().includes(wanted));
    const shown = new Set();
    for (const hit of hits) for (let item = hit; item; item = item.parentElement.closest("li")) shown.add(item);
    for (const item of this.items) {
      item.hidden = !shown.has(item);
      if (wanted && shown.has(item)) this.fold(item, false);
    }
    this.element.querySelector("[data-none]").hidden = hits.length > 0;
    if (!wanted) this.unfoldChosen();
  }
}
