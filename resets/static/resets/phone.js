// Takes the token out of the address, where no server ever sees it, and posts it. Nothing is done by
// that: the page that comes back has the button. Without scripts, the address is pasted by hand.
"use strict";

function take() {
  const token = location.hash.slice(1);
  if (!token) return;
  const form = document.getElementById("open");
  history.replaceState(null, "", location.pathname);
  form.hidden = true;
  document.getElementById("opening").hidden = false;
  form.elements.token.value = token;
  form.requestSubmit();
}

addEventListener("hashchange", take); // another QR, scanned into the same window
take();
