import { MemoryDisk } from './memory-store.ts'
import { storeContract } from './store-contract.ts'

storeContract('a disk in memory', async () => {
  let broken = false
  const disk = new MemoryDisk(async () => {
    await new Promise(resolve => setImmediate(resolve))
    if (broken) throw new Error('input/output error')
  })
  return {
    open: async () => {
      broken = false
      return disk.open()
    },
    crash: async () => disk.crash(),
    breakDisk: async () => {
      broken = true
    },
    remove: async () => disk.crash(),
  }
})
