import {
  type CSSVariablesResolver,
  createTheme,
  localStorageColorSchemeManager,
  type MantineColorsTuple,
} from '@mantine/core'

const petrol: MantineColorsTuple = [
  '#ebf6f7',
  '#d3e9ec',
  '#a6d3d9',
  '#75bcc6',
  '#56b3c0',
  '#2f95a3',
  '#1a7a89',
  '#0d6674',
  '#0a525d',
  '#073d46',
]

const paper: MantineColorsTuple = [
  '#faf9f6',
  '#f4f2ed',
  '#eae7e0',
  '#ddd9d0',
  '#c9c4b9',
  '#a8a296',
  '#858073',
  '#625e55',
  '#3f3c36',
  '#211f1b',
]

const night: MantineColorsTuple = [
  '#ece9e3',
  '#c4c0b7',
  '#a19c91',
  '#767168',
  '#423f39',
  '#34322d',
  '#272521',
  '#1e1d1a',
  '#171614',
  '#0e0d0c',
]

const seal: MantineColorsTuple = [
  '#fdf0ee',
  '#fadbd7',
  '#f4b3ac',
  '#f0958d',
  '#e7756a',
  '#d9483b',
  '#c4352a',
  '#b3261e',
  '#911d17',
  '#701511',
]

const sans = "'Instrument Sans', system-ui, -apple-system, 'Segoe UI', sans-serif"
const mono = "'Geist Mono', ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"

export const theme = createTheme({
  primaryColor: 'petrol',
  primaryShade: { light: 7, dark: 6 },
  colors: { petrol, gray: paper, dark: night, red: seal },
  black: '#211f1b',
  fontFamily: sans,
  fontFamilyMonospace: mono,
  headings: { fontFamily: sans, fontWeight: '600' },
  defaultRadius: 'md',
  radius: { sm: '0.25rem', md: '0.4375rem', lg: '0.625rem' },
  respectReducedMotion: true,
  cursorType: 'pointer',
  components: {
    Button: { defaultProps: { size: 'sm' } },
    Tooltip: {
      defaultProps: {
        events: { hover: true, focus: true, touch: true },
        multiline: true,
        maw: 320,
        openDelay: 150,
        withArrow: true,
      },
    },
  },
})

/** Mantine's own names, bound to the palette of `app/global.css`. */
export const cssVariablesResolver: CSSVariablesResolver = () => {
  const variables = {
    '--mantine-color-body': 'var(--cs-surface)',
    '--mantine-color-text': 'var(--cs-text)',
    '--mantine-color-dimmed': 'var(--cs-quiet)',
    '--mantine-color-placeholder': 'var(--cs-quiet)',
    '--mantine-color-error': 'var(--cs-bad)',
    '--mantine-color-anchor': 'var(--cs-accent)',
    '--mantine-color-gray-light-color': 'var(--cs-quiet)',
    '--mantine-color-red-light-color': 'var(--cs-bad)',
    '--mantine-color-red-outline': 'var(--cs-bad)',
    '--mantine-color-default': 'var(--cs-surface)',
    '--mantine-color-default-hover': 'var(--cs-hover)',
    '--mantine-color-default-border': 'var(--cs-line-strong)',
  }
  return { variables: {}, light: variables, dark: variables }
}

/** `public/start.js` reads the same key before the first paint. */
export const colorSchemeManager = localStorageColorSchemeManager({
  key: 'countersign-color-scheme',
})
