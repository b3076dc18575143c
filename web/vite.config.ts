import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

const server = 'http://127.0.0.1:7080'

export default defineConfig({
  root: fileIn('.'),
  plugins: [react(), startedEarly(), compressed()],
  resolve: { alias: { typebox: fileIn('schemas-left-out.ts') } },
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    // The policy allows no data: URL for scripts, styles or fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // The contract and the sealing are shared with the server.
    fs: { allow: [fileIn('..')] },
    proxy: { '/api': { target: server, headers: { origin: server } } },
  },
})

/** Puts what starts the page where its root is there, and its end, with answers, may still come. */
function startedEarly(): Plugin {
  const place = '<!-- early answers -->'
  return {
    name: 'started-early',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(page) {
        const [script] = /<script async type="module".*?<\/script>/.exec(page) ?? []
        if (script === undefined) throw new Error('The page has no module that starts it.')
        return page.replace(script, '').replace(place, `${script}\n    ${place}`)
      },
    },
  }
}

/** Lays a compressed copy beside each script and style, which the server sends in its place. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    async writeBundle({ dir = '' }, bundle) {
      for (const name of Object.keys(bundle)) {
        if (!/\.(js|css)$/.test(name)) continue
        const file = join(dir, name)
        await writeFile(`${file}.br`, brotliCompressSync(await readFile(file)))
      }
    },
  }
}

function fileIn(path: string): string {
  return join(import.meta.dirname, path)
}
