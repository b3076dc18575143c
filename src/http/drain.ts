import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * Lets the app close as soon as the requests under way are answered. Node by itself waits for
 * connections that a browser opened ahead of need and has not sent anything on yet.
 */
export function closeUnusedConnections(app: FastifyInstance): void {
  // The last answer on each; listening for the end of every answer would cost every request.
  const open = new Map<Socket, ServerResponse | undefined>()
  let closing = false

  app.server.on('connection', (socket) => {
    open.set(socket, undefined)
    socket.on('close', () => open.delete(socket))
  })
  app.server.on('request', (request, response) => {
    if (closing) closeAfter(request.socket, response)
    else if (open.has(request.socket)) open.set(request.socket, response)
  })
  app.addHook('preClose', () => {
    closing = true
    for (const [socket, response] of open) closeAfter(socket, response)
  })
}

function closeAfter(socket: Socket, response: ServerResponse | undefined): void {
  if (response === undefined || response.closed) socket.destroy()
  else response.once('close', () => socket.destroySoon())
}
