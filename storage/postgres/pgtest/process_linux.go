package pgtest

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// asPostgres has a program run as the user postgres, if we are root.
func asPostgres(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Getuid() != 0 {
		return nil
	}
	uid, gid, err := postgresUser()
	if err != nil {
		return err
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return nil
}

// startWithUs starts a program that ends when this process does, however it does. The
// kernel watches the thread that started it, so that thread stays.
func startWithUs(cmd *exec.Cmd) error {
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			select {}
		}
	}()
	return <-started
}

// quit is PostgreSQL's immediate shutdown: what was not committed is lost, as in a crash.
func quit(cmd *exec.Cmd) { cmd.Process.Signal(syscall.SIGQUIT) }
