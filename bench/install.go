package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

var peerPackages = []string{"postfix", "dovecot-core", "dovecot-imapd", "dovecot-lmtpd"}

// ready makes sure that Postfix and Dovecot can be measured, installing them
// when it may. The error says, for a reader, why they cannot be.
func ready(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("Postfix and Dovecot start only as root")
	}
	if !installed("postfix", "postconf", "dovecot", "/usr/lib/dovecot/lmtp", "/usr/lib/dovecot/imap") {
		if err := install(ctx, peerPackages...); err != nil {
			return err
		}
	}
	if _, dovecot := versions(ctx); !strings.HasPrefix(dovecot, dovecotVersion) {
		return fmt.Errorf("Dovecot %s is installed, whose configuration this benchmark does not speak (it speaks %sx)", dovecot, dovecotVersion)
	}
	return nil
}

// milterReady makes sure that a Postfix whose mail is signed can be measured.
func milterReady(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("Postfix starts only as root")
	}
	if installed("opendkim") {
		return nil
	}
	return install(ctx, "opendkim")
}

func installed(programs ...string) bool {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return false
		}
	}
	return true
}

// install gets the packages without letting their services start: this run has
// servers of its own.
func install(ctx context.Context, packages ...string) error {
	names := strings.Join(packages, ", ")
	if _, err := os.Stat("/etc/debian_version"); err != nil {
		return fmt.Errorf("not installed, and this is not Debian: %s", names)
	}
	allow, err := forbidServices()
	if err != nil {
		return err
	}
	defer allow()
	fmt.Println("installing", names)
	args := append([]string{"install", "-y", "--no-install-recommends"}, packages...)
	if err := apt(ctx, args...); err == nil {
		return nil
	}
	if err := apt(ctx, "update"); err != nil { // the lists were missing or old
		return err
	}
	return apt(ctx, args...)
}

func apt(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w: %s", args[0], err, lastLine(string(text)))
	}
	return nil
}

// forbidServices puts Debian's own switch in place while packages are set up,
// unless the machine has one already.
func forbidServices() (undo func(), err error) {
	const policy = "/usr/sbin/policy-rc.d"
	f, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString("#!/bin/sh\nexit 101\n")
	return func() { os.Remove(policy) }, errors.Join(err, f.Close())
}
