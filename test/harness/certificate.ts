import { generateKeyPairSync } from 'node:crypto'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import forge from 'node-forge'

const { md, pki } = forge

/** As TLS servers take it. */
export interface Certificate {
  key: string
  cert: string
}

/** A certificate for a host name that nobody but itself vouches for. */
export function certificateFor(of: { name: string; from: Date; to: Date }): Certificate {
  const { publicKey, privateKey: key } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const certificate = pki.createCertificate()
  const name = [{ name: 'commonName', value: of.name }]
  certificate.publicKey = pki.publicKeyFromPem(publicKey)
  certificate.validity = { notBefore: of.from, notAfter: of.to }
  certificate.setSubject(name)
  certificate.setIssuer(name)
  certificate.setExtensions([{ name: 'subjectAltName', altNames: [{ type: 2, value: of.name }] }])
  certificate.sign(pki.privateKeyFromPem(key), md.sha256.create())
  return { key, cert: pki.certificateToPem(certificate) }
}

/** The same, trusted by this process until it is disposed of. */
export function trusted(certificate: Certificate): Certificate & Disposable {
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, certificate.cert])
  return { ...certificate, [Symbol.dispose]: () => setDefaultCACertificates(before) }
}
