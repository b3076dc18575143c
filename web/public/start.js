// Runs before the first paint and before the pages.

// A dark page must not flash white. Same key and attribute as src/app/theme.ts.
const chosen = (() => {
  try {
    return localStorage.getItem('countersign-color-scheme')
  } catch {
    return null
  }
})()
const system = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
document.documentElement.dataset.mantineColorScheme =
  chosen === 'dark' || chosen === 'light' ? chosen : system

// Without their code the pages cannot say themselves that it did not come, as from a server that is
// being stopped or has another version.
addEventListener(
  'error',
  ({ target }) => {
    const root = document.getElementById('root')
    if (!(target instanceof HTMLScriptElement) || !root || root.childElementCount > 0) return
    const words = document.createElement('p')
    words.setAttribute('role', 'alert')
    words.textContent = 'Countersign could not be loaded. Check that you are online and try again.'
    const again = document.createElement('button')
    again.textContent = 'Try again'
    again.addEventListener('click', () => location.reload())
    root.style.cssText =
      'max-width: 26rem; margin: 20vh auto; padding: 1rem; font-family: system-ui'
    root.append(words, again)
  },
  true,
)
