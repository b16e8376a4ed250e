package disk

// Queued is how many Puts wait for the sync that runs.
func Queued(b *Blobs) int {
	b.appends.mu.Lock()
	defer b.appends.mu.Unlock()
	return len(b.appends.queue)
}
