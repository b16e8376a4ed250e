//go:build !linux

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"
)

var errLinux = errors.New("CPU and memory of a server's processes are read from Linux's /proc and cgroups; run the benchmark on Linux")

type group struct{}

func newGroup(string) *group                               { return &group{} }
func (g *group) start(*exec.Cmd, *os.File) error           { return errLinux }
func (g *group) stop(context.Context, time.Duration) error { return nil }
func (g *group) cpu() (time.Duration, error)               { return 0, errLinux }
func (g *group) memory() memory                            { return memory{} }
func (g *group) pids() []int                               { return nil }
func ownCPU() time.Duration                                { return 0 }
func onDisk(...string) (int64, error)                      { return 0, errLinux }
func evict(...string) error                                { return errLinux }
func ownLike(string, ...string) error                      { return errLinux }
func inMemory(string) bool                                 { return false }
