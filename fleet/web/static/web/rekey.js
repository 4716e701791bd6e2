// What HTML cannot do by itself: copy, close, show, tick all, and say when the server is gone.
// Everything works without it; the buttons that need it are hidden where scripts are off.
"use strict";

const TOAST_STAYS_MS = 8000;

function say(sentence) {
  document.getElementById("announcer").textContent = sentence;
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
  } catch {
    // No clipboard without https: select it, so that the person's own shortcut copies it.
    source.closest("details")?.setAttribute("open", "");
    getSelection().selectAllChildren(source);
    return say("Selected. Copy it with your keyboard.");
  }
  const words = button.querySelector("[data-says]");
  words.textContent = "Copied";
  say("Copied");
  setTimeout(() => (words.textContent = "Copy"), 2000);
}

function reveal(button) {
  const input = document.getElementById(button.dataset.reveal);
  const shown = input.type === "text";
  input.type = shown ? "password" : "text";
  button.setAttribute("aria-pressed", String(!shown));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-dismiss], [data-reveal], [data-print]");
  if (!button) return;
  if ("print" in button.dataset) return print();
  if ("copy" in button.dataset) copy(button);
  else if ("reveal" in button.dataset) reveal(button);
  else button.closest(".toast").remove();
});

// Good news goes by itself, unless somebody is reading it; bad news waits to be closed.
function letGo(toast) {
  setTimeout(() => {
    if (toast.matches(":hover, :focus-within")) letGo(toast);
    else toast.remove();
  }, TOAST_STAYS_MS);
}

new MutationObserver((changes) => {
  for (const { addedNodes } of changes)
    for (const node of addedNodes) if (node.matches?.('[data-tone="ok"]')) letGo(node);
}).observe(document.getElementById("toasts"), { childList: true });
document.querySelectorAll('#toasts > [data-tone="ok"]').forEach(letGo);

// Tick all on this page, and how many are ticked.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form:has(.bulk)");
  if (!form) return;
  const boxes = [...form.querySelectorAll("td.check [type=checkbox]")];
  if (event.target.matches("[data-check-all]"))
    for (const box of boxes) box.checked = event.target.checked;
  const ticked = boxes.filter((box) => box.checked).length;
  const all = form.querySelector("[data-check-all]");
  if (all) {
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  }
  const count = form.querySelector("[data-count]");
  if (count) count.textContent = String(ticked);
});

// A table that fits lets its head stick to the window; one that does not scrolls sideways.
const fits = new ResizeObserver((rooms) => {
  for (const { target: room } of rooms)
    room.toggleAttribute("data-fits", room.firstElementChild.offsetWidth <= room.clientWidth);
});
document.addEventListener("htmx:load", ({ detail: { elt } }) => {
  for (const room of elt.querySelectorAll(".table-room")) fits.observe(room);
});

// One press, one request: a second one while the first is on its way is held back.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  event.submitter?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  }
});

document.querySelector(".errors")?.focus();
document.addEventListener("htmx:afterSettle", (event) => event.detail.elt.querySelector?.(".errors")?.focus());

// Nobody looks: live parts wait. The server is gone: said once, not every second.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.target.matches(".live")) event.preventDefault();
});
function lost() {
  const toasts = document.getElementById("toasts");
  if (!toasts.querySelector("[data-lost]")) {
    const toast = document.getElementById("lost").content.firstElementChild.cloneNode(true);
    toast.dataset.lost = "";
    toasts.append(toast);
  }
}
document.addEventListener("htmx:sendError", lost);
document.addEventListener("htmx:responseError", (event) => {
  if (!event.detail.xhr.responseText.includes('class="toast"')) lost();
});
document.addEventListener("htmx:afterOnLoad", (event) => {
  if (event.detail.successful) document.querySelector("[data-lost]")?.remove();
});
