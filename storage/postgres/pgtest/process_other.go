//go:build !linux

package pgtest

import (
	"os"
	"os/exec"
)

func asPostgres(*exec.Cmd) error { return nil }

func startWithUs(cmd *exec.Cmd) error { return cmd.Start() }

func quit(cmd *exec.Cmd) { cmd.Process.Signal(os.Interrupt) }
