import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * Fields that do not stand out from what is around them by 3:1, which axe does not look at.
 *
 * @see https://www.w3.org/TR/WCAG22/#non-text-contrast
 */
const FAINT = `(() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => {
      const share = part / 255
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (one, other) => {
    const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b)
    return (bright + 0.05) / (dark + 0.05)
  }
  const isClear = (colour) => /, 0\\)$|^transparent$/.test(colour)
  const around = (one) => {
    const { backgroundColor } = getComputedStyle(one)
    return isClear(backgroundColor) ? around(one.parentElement) : backgroundColor
  }
  const kinds = ['.mantine-Input-input', '[type=checkbox]', '[type=radio]', '.mantine-RadioIndicator-indicator']
  const fields = document.querySelectorAll(kinds.join())
  return [...fields].flatMap((field) => {
    const { width } = field.getBoundingClientRect()
    const { opacity, borderTopColor, backgroundColor } = getComputedStyle(field)
    if (width < 10 || opacity === '0') return []
    const ground = around(field.parentElement)
    const seen = [borderTopColor, backgroundColor].filter((colour) => !isClear(colour))
    const most = Math.max(...seen.map((colour) => contrast(colour, ground)))
    return most < 3 ? [field.outerHTML.slice(0, 120) + ': ' + most.toFixed(2)] : []
  })
})()`

interface Violation {
  id: string
  help: string
  nodes: { target: string[]; failureSummary: string }[]
}

const sizes = [
  { name: 'desktop', width: 1280, height: 800 },
  { name: 'phone', width: 390, height: 844 },
] as const

/** In the dark nothing but colours changes. */
const rules = { light: {}, dark: { runOnly: ['color-contrast', 'link-in-text-block'] } } as const

/**
 * Looks at the page as it is now, on a desktop and on a phone, light and dark: axe has nothing to
 * say, and nothing stands out at the side.
 *
 * @see https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md
 */
export async function assertAccessible(page: Page): Promise<void> {
  await page.evaluate(axe)
  for (const { name, ...size } of sizes) {
    await page.setViewportSize(size)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await settled(page)
      const options = JSON.stringify({ resultTypes: ['violations'], ...rules[colorScheme] })
      const violations = await page.evaluate<Violation[]>(
        `axe.run(${options}).then(({ violations }) => violations)`,
      )
      assert.deepEqual(violations.map(inWords), [], `${name}, ${colorScheme}`)
      assert.deepEqual(await page.evaluate(FAINT), [], `${name}, ${colorScheme}: hardly seen`)
    }
    const overhang = await page.evaluate<number>(
      'document.scrollingElement.scrollWidth - document.documentElement.clientWidth',
    )
    assert.equal(overhang, 0, `${name}: the page is too wide`)
  }
  await page.setViewportSize({ width: 1280, height: 800 })
  await page.emulateMedia({ colorScheme: 'light' })
  await settled(page)
  // A notice has another place on a narrow page, and stands at both while it moves.
  await page.waitForFunction(`(() => {
    const ids = [...document.querySelectorAll('[role=alert][id]')].map(({ id }) => id)
    return new Set(ids).size === ids.length
  })()`)
}

/**
 * Two frames later, what the page has put off to draw is drawn, also for another size. With no
 * transition under way, colours are then what they will be.
 */
async function settled(page: Page): Promise<void> {
  await page.evaluate(`(async () => {
    for (let i = 0; i < 2; i += 1) await new Promise((done) => requestAnimationFrame(done))
    await new Promise((done) => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = done
      port2.postMessage('')
    })
    const endless = (one) => one.effect?.getComputedTiming().iterations === Infinity
    const under_way = document.getAnimations().filter((one) => !endless(one))
    await Promise.allSettled(under_way.map((one) => one.finished))
  })()`)
}

function inWords({ id, help, nodes }: Violation): string {
  const where = nodes.map((node) => `${node.target.join(' ')}: ${node.failureSummary}`)
  return `${id}: ${help}\n${where.join('\n')}`
}
