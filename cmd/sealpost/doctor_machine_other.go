//go:build !linux

package main

import (
	"errors"

	"golang.org/x/sys/cpu"
)

func room(string) (free, all uint64, err error) {
	return 0, 0, errors.New("not known on this system")
}

func quickAES() bool { return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ || cpu.ARM64.HasAES }

func keptIn() (noCore, noSwap bool) { return false, false }
