// The least that can answer `git credential-cache`: a socket that says the same to everybody.
import { chmod } from 'node:fs/promises'
import { createServer } from 'node:net'
import process from 'node:process'

const socket_path = process.argv[2] ?? ''
const answer = process.env.ANSWER ?? ''

const server = createServer({ allowHalfOpen: true }, (connection) => {
  connection.on('error', () => {})
  connection.on('end', () => connection.end(answer))
  connection.resume()
})
server.listen(socket_path, async () => {
  await chmod(socket_path, 0o600)
  process.stdout.write('listening\n')
})
