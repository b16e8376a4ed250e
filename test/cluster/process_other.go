//go:build !linux

package main

import (
	"os/exec"
	"syscall"
)

// startWithUs starts a program. Where there is no Linux, it stays if this process is killed.
func startWithUs(cmd *exec.Cmd, _ syscall.Signal) (ended <-chan struct{}, err error) {
	end := make(chan struct{})
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		cmd.Wait()
		close(end)
	}()
	return end, nil
}
