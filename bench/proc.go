package main

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// tick is 1/USER_HZ, in which Linux counts CPU time in /proc on every
// architecture Go runs on.
const tick = 10 * time.Millisecond

// A process is what /proc/PID/stat says of one process.
type process struct {
	pid, parent int
	cpu         time.Duration // its own and that of its children it has waited for
}

// parseStat reads /proc/PID/stat (proc(5)). The name in parentheses may hold
// anything, so fields are counted from the last parenthesis.
func parseStat(text string) (process, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return process{}, fmt.Errorf("read stat: no name")
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 15 {
		return process{}, fmt.Errorf("read stat: %d fields", len(fields))
	}
	pid, err := strconv.Atoi(strings.TrimSpace(text[:open]))
	if err != nil {
		return process{}, fmt.Errorf("read stat: %w", err)
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return process{}, fmt.Errorf("read stat: %w", err)
	}
	p := process{pid: pid, parent: parent}
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return process{}, fmt.Errorf("read stat: %w", err)
		}
		p.cpu += time.Duration(n) * tick
	}
	return p, nil
}

// family picks root and all its descendants.
func family(all []process, root int) []process {
	children := map[int][]process{}
	var found []process
	for _, p := range all {
		children[p.parent] = append(children[p.parent], p)
		if p.pid == root {
			found = append(found, p)
		}
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found
}

// parseCPUStat reads usage_usec of a cgroup's cpu.stat.
func parseCPUStat(text string) (time.Duration, error) {
	n, err := keyed(text, "usage_usec", "")
	return time.Duration(n) * time.Microsecond, err
}

// A memory is what processes hold of RAM: all they map (shared pages counted
// for each), their fair share of it, and what of that is in no file.
type memory struct{ rss, pss, anon int64 } // bytes

// parseRollup reads /proc/PID/smaps_rollup.
func parseRollup(text string) (memory, error) {
	rss, err := keyed(text, "Rss:", "kB")
	if err != nil {
		return memory{}, err
	}
	pss, err := keyed(text, "Pss:", "kB")
	if err != nil {
		return memory{}, err
	}
	anon, err := keyed(text, "Pss_Anon:", "kB") // since Linux 5.4
	if err != nil {
		anon = pss
	}
	return memory{rss: rss << 10, pss: pss << 10, anon: anon << 10}, nil
}

// parseStatm reads /proc/PID/statm: sizes in pages, the second is resident.
func parseStatm(text string, page int64) (memory, error) {
	fields := strings.Fields(text)
	if len(fields) < 2 {
		return memory{}, fmt.Errorf("read statm: %d fields", len(fields))
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return memory{rss: pages * page, pss: pages * page, anon: pages * page}, err
}

// keyed finds the number on the line that starts with key and ends with unit.
func keyed(text, key, unit string) (int64, error) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 || fields[0] != key {
			continue
		}
		if unit != "" && (len(fields) < 3 || fields[2] != unit) {
			return 0, fmt.Errorf("read %s: expected %s", key, unit)
		}
		return strconv.ParseInt(fields[1], 10, 64)
	}
	return 0, fmt.Errorf("read %s: not found", key)
}

// unifiedMount finds where cgroup version 2 is mounted, in /proc/self/mountinfo
// (proc(5): the mount point is the fifth field, the type follows the dash).
func unifiedMount(mountinfo string) (string, bool) {
	lines := bufio.NewScanner(strings.NewReader(mountinfo))
	for lines.Scan() {
		before, after, found := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if found && len(fields) >= 5 && strings.HasPrefix(after, "cgroup2 ") {
			return fields[4], true
		}
	}
	return "", false
}

// unifiedPath finds this process's own cgroup of version 2 in /proc/self/cgroup.
func unifiedPath(cgroups string) (string, bool) {
	for line := range strings.Lines(cgroups) {
		if path, found := strings.CutPrefix(line, "0::"); found {
			return strings.TrimSpace(path), true
		}
	}
	return "", false
}
