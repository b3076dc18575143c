import { OutsideLink } from './outside-link.tsx'

/** A sentence of ours in which an address can be followed. */
export function Sentence({ text }: { text: string }) {
  const address = /https?:\/\/[^\s,]*[^\s,.]/.exec(text)
  const url = address && URL.parse(address[0])
  if (!url) return text
  return (
    <>
      {text.slice(0, address.index)}
      <OutsideLink href={url.href}>{url.host}</OutsideLink>
      {text.slice(address.index + address[0].length)}
    </>
  )
}
