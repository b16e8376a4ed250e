//go:build unix && !linux

package disk

func (f osFile) Sync() error                      { return f.File.Sync() }
func (f osFile) Allocate(off, length int64) error { return nil }
