// The little that is better with JavaScript: what runs and waits is shown as it goes on, and a form is not sent twice.
const EVERY_MS = 1000

const lost = document.querySelector('[data-lost]')
/** Tries in a row without an answer, after which that is said. */
const LOST_AFTER = 3
let missed = 0
function answered(isThere) {
  missed = isThere ? 0 : missed + 1
  if (lost) lost.hidden = missed < LOST_AFTER
}

for (const place of document.querySelectorAll('[data-live]')) {
  setInterval(async () => {
    if (document.hidden) return
    try {
      const answer = await fetch(place.dataset.live, { redirect: 'error', headers: { accept: 'text/html' } })
      answered(answer.ok)
      if (answer.status === 204 && place.dataset.whenDone === 'reload') location.reload()
      else if (answer.status === 200) {
        const text = await answer.text()
        // Put there only where something has changed: a focus in it would be lost each time.
        if (place.dataset.last !== text) place.innerHTML = text
        place.dataset.last = text
      }
    } catch {
      // The daemon is being restarted, or the session has ended: what is shown stays, and the next try may do.
      answered(false)
    }
  }, EVERY_MS)
}

for (const form of document.querySelectorAll('form[method="post"]')) {
  form.addEventListener('submit', event => {
    if (form.dataset.sent === 'true') event.preventDefault()
    form.dataset.sent = 'true'
  })
}
// Come back to by the browser's own button, a form can be sent again.
addEventListener('pageshow', () => {
  for (const form of document.querySelectorAll('form[data-sent]')) delete form.dataset.sent
})
