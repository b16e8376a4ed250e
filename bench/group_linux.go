package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A group is the processes of one server, those included that live for one mail
// only. With cgroup version 2 the kernel counts their CPU, whoever waits for
// them; without it the sum over the process tree must do, in ticks of 10 ms.
type group struct {
	cgroup string // "" without cgroups
	roots  []*exec.Cmd
	ended  []chan error // one for each root
}

// newGroup makes an empty group; name must be a file name and unused.
func newGroup(name string) *group {
	g := &group{}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	own, _ := os.ReadFile("/proc/self/cgroup")
	mount, mounted := unifiedMount(string(mounts))
	path, placed := unifiedPath(string(own))
	if !mounted || !placed {
		return g
	}
	dir := filepath.Join(mount, path, fmt.Sprintf("bench-%d-%s", os.Getpid(), name))
	if os.Mkdir(dir, 0o755) == nil {
		g.cgroup = dir
	}
	return g
}

// start runs a command inside the group, in a session of its own and as the user that the command
// names, its output going to out: a file, for with a pipe the end of the command would be noticed
// only when its last child has ended.
func (g *group) start(cmd *exec.Cmd, out *os.File) error {
	cmd.Stdout, cmd.Stderr = out, out
	attr := &syscall.SysProcAttr{Setsid: true}
	if cmd.SysProcAttr != nil {
		attr.Credential = cmd.SysProcAttr.Credential
	}
	cmd.SysProcAttr = attr
	if g.cgroup != "" {
		dir, err := os.Open(g.cgroup)
		if err != nil {
			return err
		}
		defer dir.Close()
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(dir.Fd())
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	g.roots, g.ended = append(g.roots, cmd), append(g.ended, ended)
	return nil
}

// stop asks the roots to end, the last started first, waits for the grace and
// kills what is left.
func (g *group) stop(ctx context.Context, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	var errs []error
	for i := len(g.roots) - 1; i >= 0; i-- {
		_ = g.roots[i].Process.Signal(syscall.SIGTERM)
		select {
		case <-g.ended[i]:
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("%s did not stop in time and was killed", filepath.Base(g.roots[i].Path)))
		}
	}
	g.killRest()
	return errors.Join(errs...)
}

// killRest ends what outlived its master and removes the cgroup.
func (g *group) killRest() {
	for _, root := range g.roots {
		_ = syscall.Kill(-root.Process.Pid, syscall.SIGKILL) // it led a session, and so a process group
	}
	for range 50 {
		pids := g.pids()
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(pids) == 0 && (g.cgroup == "" || os.Remove(g.cgroup) == nil) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// cpu is the user and system time the group has used since it began.
func (g *group) cpu() (time.Duration, error) {
	if g.cgroup != "" {
		text, err := os.ReadFile(filepath.Join(g.cgroup, "cpu.stat"))
		if err != nil {
			return 0, err
		}
		return parseCPUStat(string(text))
	}
	var sum time.Duration
	for _, p := range g.processes() {
		sum += p.cpu
	}
	return sum, nil
}

// memory sums over the processes that live now.
func (g *group) memory() memory {
	var sum memory
	for _, pid := range g.pids() {
		m := memoryOf(pid)
		sum.rss, sum.pss, sum.anon = sum.rss+m.rss, sum.pss+m.pss, sum.anon+m.anon
	}
	return sum
}

// memoryOf is zero for a process that has ended. Of one that hides its memory
// from us, as sealpost does from all but root, the RSS is known and stands for
// its share too.
func memoryOf(pid int) memory {
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid)); err == nil {
		m, _ := parseRollup(string(text))
		return m
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	m, _ := parseStatm(string(text), int64(os.Getpagesize()))
	return m
}

func (g *group) pids() []int {
	var pids []int
	if g.cgroup != "" {
		text, _ := os.ReadFile(filepath.Join(g.cgroup, "cgroup.procs"))
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
		return pids
	}
	for _, p := range g.processes() {
		pids = append(pids, p.pid)
	}
	return pids
}

// processes lists the roots and their descendants.
func (g *group) processes() []process {
	var all, found []process
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		if text, err := os.ReadFile(name); err == nil {
			if p, err := parseStat(string(text)); err == nil {
				all = append(all, p)
			}
		}
	}
	for _, root := range g.roots {
		found = append(found, family(all, root.Process.Pid)...)
	}
	return found
}

// ownCPU is what this program, the load client, has used.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// onDisk is the room files take below the folders, in allocated blocks.
func onDisk(folders ...string) (int64, error) {
	var sum int64
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(_ string, d os.DirEntry, err error) error {
			if errors.Is(err, os.ErrNotExist) {
				return nil // moved while we looked
			}
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return nil
			}
			sum += info.Sys().(*syscall.Stat_t).Blocks * 512
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return sum, nil
}

// inMemory says whether a folder is on a file system that never reaches a disk.
func inMemory(folder string) bool {
	const tmpfs, ramfs = 0x01021994, 0x858458f6
	var fs syscall.Statfs_t
	return syscall.Statfs(folder, &fs) == nil && (uint32(fs.Type) == tmpfs || uint32(fs.Type) == ramfs)
}
