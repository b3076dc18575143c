import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

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
