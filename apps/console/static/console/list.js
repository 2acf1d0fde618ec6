// Choosing a state filters at once.
const select = document.querySelector("[data-submits]");
select.addEventListener("change", () => select.form.requestSubmit());
