package main

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	forgetEvery = 20 * time.Second
	forgetOver  = 256 << 10 // bytes allocated since the last time that make it worth while

	// While there is work the collector runs a quarter as often as Go would have
	// it, a tenth less CPU for each mail, until this much memory is in use.
	collectPercent = 400
	collectBeyond  = 160 << 20
)

// overwrite makes Go's collector write over what it frees. A running program
// cannot ask for it, so this one starts itself again in the same process, once,
// with the setting in its environment. Without it a mail's words stand in freed
// memory until chance needs the room (ATTACKS F04, docs/decisions/0008).
func overwrite(command []string) {
	const setting = "clobberfree=1"
	if len(command) < 2 || !slices.Contains([]string{"serve", "demo", "quickstart"}, command[1]) {
		return
	}
	set := os.Getenv("GODEBUG")
	if slices.Contains(strings.Split(set, ","), setting) {
		return
	}
	program, err := os.Executable()
	if err != nil {
		return
	}
	os.Setenv("GODEBUG", strings.TrimPrefix(set+","+setting, ","))
	_ = syscall.Exec(program, command, os.Environ()) // comes back only where it is not to be had
}

// forget collects seldom during work, soon after it, and then hands free memory
// back to the kernel. It collects twice, since what lies in pools outlives one
// collection. GOGC and GOMEMLIMIT, if set, are the operator's own choice.
func forget(ctx context.Context) {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(collectPercent)
		debug.SetMemoryLimit(collectBeyond)
	}
	used := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	for last := uint64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(forgetEvery):
		}
		metrics.Read(used)
		if now := used[0].Value.Uint64(); now-last > forgetOver {
			runtime.GC()
			debug.FreeOSMemory()
			metrics.Read(used)
			last = used[0].Value.Uint64()
		}
	}
}
