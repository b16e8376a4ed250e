//go:build unix && !linux

package disk

import "errors"

func (f osFile) Sync() error                      { return f.File.Sync() }
func (f osFile) Allocate(off, length int64) error { return nil }

func (OS) Room(string) (free, total int64, err error) { return 0, 0, errors.ErrUnsupported }
