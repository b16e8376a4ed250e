package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"
)

// room is how much of a file system is free, in bytes.
func room(dir string) (free, all uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, err
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), nil
}

// quickAES says whether the processor encrypts by itself.
func quickAES() bool { return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ || cpu.ARM64.HasAES }

// keptIn says whether this process leaves no core dump, and whether its memory may
// be written to swap.
func keptIn() (noCore, noSwap bool) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err == nil {
		noCore = limit.Max == 0
	}
	return noCore, !swapping() || ownGroupKeeps()
}

// swapping says whether this machine has swap.
func swapping() bool {
	text, err := os.ReadFile("/proc/swaps")
	return err == nil && strings.Count(strings.TrimSpace(string(text)), "\n") > 0
}

// ownGroupKeeps says whether the control group of this process, or one above it, may
// not swap: MemorySwapMax=0 of its unit.
func ownGroupKeeps() bool {
	f, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		group, ok := strings.CutPrefix(lines.Text(), "0::")
		for ; ok && group != "/" && group != "."; group = filepath.Dir(group) {
			most, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", group, "memory.swap.max"))
			if err == nil && strings.TrimSpace(string(most)) == "0" {
				return true
			}
		}
	}
	return false
}
