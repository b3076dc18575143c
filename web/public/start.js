// Runs before the first paint, so that a dark page does not flash white. Same key and attribute as
// src/app/theme.ts.
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
