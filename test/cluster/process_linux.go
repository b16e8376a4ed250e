package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// startWithUs starts a program that Ctrl-C does not reach, and that ends when this process
// does, however it does. The kernel watches the thread that started it, so that thread stays.
func startWithUs(cmd *exec.Cmd, goodbye syscall.Signal) (ended <-chan struct{}, err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Pdeathsig = true, goodbye
	started, end := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(end)
		}
	}()
	return end, <-started
}
