/** Starts a peer as a child process and ends it, whatever the test does. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { PeerOptions } from './peer-fixture.ts'

/** What a child tells. */
export interface Word {
  readonly event: string
  readonly address?: string
  readonly id?: string
  readonly dir?: string
}

export interface ChildPeer {
  readonly process: ChildProcess
  readonly address: string
  readonly id: string
  readonly exited: Promise<unknown>
  order(order: { do: string; address?: string }): void
  /** The next message of this kind. */
  told(event: string): Promise<Word>
  stop(): Promise<void>
}

export async function startChild(options: Omit<PeerOptions, 'names'> = {}): Promise<ChildPeer> {
  const path = fileURLToPath(new URL('./child-peer.ts', import.meta.url))
  const child = fork(path, [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(child, 'exit')
  const told = (event: string) =>
    new Promise<Word>((resolve, reject) => {
      const onMessage = (message: Word) => {
        if (message.event !== event) return
        child.off('message', onMessage)
        resolve(message)
      }
      child.on('message', onMessage)
      child.once('exit', code => reject(new Error(`the child ended with ${code} before it told ${event}`)))
    })
  const ready = await told('ready')
  return {
    process: child,
    address: String(ready.address),
    id: String(ready.id),
    exited,
    order: order => void child.send(order),
    told,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exited
      await rm(String(ready.dir), { recursive: true, force: true })
    },
  }
}
