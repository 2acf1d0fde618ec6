// Follows an import that a worker has in hand, and shows the page anew when it has moved on.
const page = document.querySelector("[data-roster]");
const bar = page.querySelector("progress");

async function look() {
  const answer = await fetch(page.dataset.address, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const roster = await answer.json();
  if (roster.state !== page.dataset.roster) {
    location.reload();
    return;
  }
  page.querySelector("[data-done]").textContent = roster.done;
  if (roster.state === "reading" && roster.total) bar.value = roster.done;
}

setInterval(() => look().catch(() => {}), 1500);
