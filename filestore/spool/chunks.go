package spool

import "sync"

// Chunks in memory double from 8 KiB, which most mails fit in, to 256 KiB.
const (
	smallestChunk = 8 << 10
	chunkClasses  = 6
)

// Memory is what a spool that holds size bytes in memory takes of it: whole chunks.
func Memory(size int64) (taken int64) {
	for class := 0; taken < size; class++ {
		taken += smallestChunk << min(class, chunkClasses-1)
	}
	return taken
}

// Pools of empty, wiped buffers: a mail's bytes never lie in one of them.
var (
	chunkPools [chunkClasses]sync.Pool
	blockPool  = sync.Pool{New: func() any { return new(block) }}
)

func getChunk(nth int) []byte {
	class := min(nth, chunkClasses-1)
	if c, ok := chunkPools[class].Get().(*[]byte); ok {
		return (*c)[:0]
	}
	return make([]byte, 0, smallestChunk<<class)
}

func putChunk(nth int, c []byte) {
	clear(c)
	chunkPools[min(nth, chunkClasses-1)].Put(&c)
}

func putBlock(b *block) {
	clear(b[:])
	blockPool.Put(b)
}
