package main

import (
	"context"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// measureProcess tells of the process, under the names that every Prometheus client
// uses.
func measureProcess(_ context.Context, e *exposition) {
	e.family("sealpost_build_info", "gauge", "Always 1; what runs.")
	e.sample(1, "version", version(), "goversion", runtime.Version())
	e.one("go_goroutines", "gauge", "Goroutines that exist.", float64(runtime.NumGoroutine()))
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(heap)
	e.one("go_memstats_heap_alloc_bytes", "gauge", "Bytes of objects on the heap.", float64(heap[0].Value.Uint64()))
	e.one("go_gc_cycles_total", "counter", "Garbage collections so far.", float64(heap[1].Value.Uint64()))
	if n, err := countFiles(); err == nil {
		e.one("process_open_fds", "gauge", "Open file descriptors.", float64(n))
	}
	var most syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &most) == nil {
		e.one("process_max_fds", "gauge", "Most file descriptors that may be open.", float64(most.Cur))
	}
	if n, err := residentPages(); err == nil {
		e.one("process_resident_memory_bytes", "gauge", "Memory that is in RAM.", float64(n)*float64(os.Getpagesize()))
	}
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) == nil {
		e.one("process_cpu_seconds_total", "counter", "CPU time used.", seconds(use.Utime)+seconds(use.Stime))
	}
}

func seconds(t syscall.Timeval) float64 { return time.Duration(t.Nano()).Seconds() }

// countFiles counts what the kernel lists; elsewhere than on Linux nobody does.
func countFiles() (int, error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	return len(names) - 1, err // without dir
}

func residentPages() (int64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), " ")
	pages, _, _ := strings.Cut(rest, " ")
	return strconv.ParseInt(pages, 10, 64)
}
