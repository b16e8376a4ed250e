package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sealpost/webmail/api/client/files/dav"
)

type fileDavCommand struct {
	fileProfile
	Path         string `arg:"" optional:"" default:"/" help:"The drive's folder that is shown (default: ${default})."`
	Listen       string `placeholder:"HOST:PORT" default:"127.0.0.1:9843" help:"Where programs find it (default: ${default})."`
	User         string `placeholder:"NAME" default:"sealpost" help:"The user that they name (default: ${default})."`
	PasswordFile string `type:"existingfile" placeholder:"FILE" help:"The password that they show, of 16 characters or more (default: a new one each time)."`
	ReadOnly     bool   `help:"Let them read and change nothing."`
}

func (cmd fileDavCommand) Help() string {
	return "A WebDAV server on this machine, for file managers, rclone, davfs2 and other programs. Files are sealed and opened here; until " +
		"you stop it, who knows the password and runs programs on this machine reads the drive as they are. Deleted files go to the trash, replaced ones become older versions."
}

// leastPassword is how long one may be that anybody on the machine can guess at.
const leastPassword = 16

func (cmd fileDavCommand) Run(ctx context.Context, c console) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	password, err := cmd.password()
	if err != nil {
		return err
	}
	d, err := cmd.drive()
	if err != nil {
		return err
	}
	dir, err := cmd.cache()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", cmd.Listen)
	if err != nil {
		return fmt.Errorf("listen (--listen HOST:PORT names another place): %w", err)
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr)
	b, err := dav.New(ctx, dav.Config{
		Drive: d, Root: cmd.Path, User: cmd.User, Password: password, Anywhere: !at.IP.IsLoopback(), ReadOnly: cmd.ReadOnly,
		Spool: func() (*os.File, error) { return davSpool(dir) }, Log: slog.New(slog.NewTextHandler(c.Err, nil)),
	})
	if err != nil {
		return err
	}
	cmd.say(c, at, password)
	return serveDav(ctx, b.Server(), l)
}

func (cmd fileDavCommand) password() (string, error) {
	if strings.Contains(cmd.User, ":") || cmd.User == "" {
		return "", errors.New("expected a user without a colon")
	}
	if cmd.PasswordFile == "" {
		return rand.Text(), nil
	}
	text, err := os.ReadFile(cmd.PasswordFile)
	if err != nil {
		return "", err
	}
	word := strings.TrimRight(string(text), "\r\n")
	if len(word) < leastPassword {
		return "", fmt.Errorf("expected a password of %d characters or more: any program of this machine can guess", leastPassword)
	}
	return word, nil
}

func (cmd fileDavCommand) cache() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return os.TempDir(), nil
	}
	dir = filepath.Join(dir, "sealpost")
	return dir, os.MkdirAll(dir, 0o700)
}

// davSpool is a file without a name, for sealed octets whose length nobody told.
func davSpool(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "*.sealed")
	if err == nil {
		os.Remove(f.Name()) // else put sweeps it away in a week
	}
	return f, err
}

func (cmd fileDavCommand) say(c console, at *net.TCPAddr, password string) {
	if !at.IP.IsLoopback() {
		fmt.Fprintf(c.Err, "warning: %s is reached from the network, without TLS: who listens on the way reads the password and every file. "+
			"Without --listen only this machine reaches it.\n", at)
	}
	fmt.Fprintf(c.Out, "The drive is at http://%s/ until this command ends.\n", at)
	fmt.Fprintf(c.Out, "user: %s\n", cmd.User)
	if cmd.PasswordFile == "" {
		fmt.Fprintf(c.Out, "password: %s\n", password)
	}
}

// serveDav serves until ctx ends, and then lets what is under way come to its end.
func serveDav(ctx context.Context, s *http.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	if err := s.Shutdown(last); err != nil {
		return errors.Join(s.Close(), errors.New("what was under way was broken off"))
	}
	return nil
}
