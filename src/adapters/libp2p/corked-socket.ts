/**
 * One system call for all that is written in one turn of the event loop. libp2p writes a frame in pieces (length, cipher
 * text, and the same again for each window update), each a system call and, without Nagle, a packet: on an idle cluster
 * that was the most of the CPU. Nothing is delayed: the pieces leave before the loop waits for anything.
 */
import type { Socket } from 'node:net'

export function corkPerTurn(socket: Socket): void {
  const write = socket.write
  let corked = false
  const uncork = () => {
    corked = false
    socket.uncork()
  }
  socket.write = function (this: Socket, ...args: unknown[]): boolean {
    if (!corked) {
      corked = true
      socket.cork()
      process.nextTick(uncork)
    }
    return Reflect.apply(write, this, args)
  } as Socket['write']
}
