package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// openFiles are the regular files the running server has open and that may have
// no name elsewhere: deleted ones, and what its output goes to.
func openFiles(data string) ([]string, error) {
	pid, err := serverProcess(data)
	if err != nil {
		return nil, err
	}
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		name := filepath.Join(folder, e.Name())
		target, err := os.Readlink(name)
		if err != nil {
			continue
		}
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if strings.HasSuffix(target, " (deleted)") || stored(target) && !below(target, data) {
			files = append(files, name)
		}
	}
	return files, nil
}

// stored says whether a path is one of files on a disk.
func stored(path string) bool {
	for _, kernel := range []string{"/proc", "/sys", "/dev"} {
		if below(path, kernel) {
			return false
		}
	}
	return filepath.IsAbs(path)
}

// serverProcess asks the kernel who listens at the control socket.
func serverProcess(data string) (int32, error) {
	at, done, err := shortPath(socketPath(data))
	if err != nil {
		return 0, err
	}
	defer done()
	conn, err := net.Dial("unix", at)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	var who *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) {
		who, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || asked != nil {
		return 0, fmt.Errorf("ask for the server's process: %v %v", err, asked)
	}
	return who.Pid, nil
}
