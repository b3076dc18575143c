// A program: the least that `node:http` can do. Gets an answer as JSON and gives it to everybody.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'

const [answer = ''] = process.argv.slice(2)
const { headers, body } = JSON.parse(answer) as { headers: Record<string, string>; body: string }

const server = createServer((_request, response) => {
  response.writeHead(200, headers)
  response.end(body)
})
// Its turns are further apart than the five seconds after which Node closes a connection.
server.keepAliveTimeout = 72_000
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
process.once('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})
