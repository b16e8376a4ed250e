package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// dovecotConfig is Debian's default, but for places, ports, virtual users and
// these: the process limits, so that 50 connections are served at once; a log
// file of its own. Fsync stays at "optimized": once for each mail.
const dovecotConfig = `
base_dir = %[1]s/run
log_path = %[1]s/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = required
ssl_cert = <%[2]s
ssl_key = <%[3]s
mail_location = maildir:~/Maildir
first_valid_uid = 1
userdb {
  driver = static
  args = uid=mail gid=mail home=%[1]s/home/%%n
}
passdb {
  driver = static
  args = password=` + dovecotPassword + `
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = %[4]d
  }
}
service lmtp {
  process_limit = 100
  inet_listener lmtp {
    address = 127.0.0.1
    port = %[5]d
  }
}
`

// dovecotCrypt turns on mail_crypt with one key pair for the server, its
// cheapest mode: whoever has the disk and the private key beside it reads all.
const dovecotCrypt = `
mail_plugins = $mail_plugins mail_crypt
plugin {
  mail_crypt_global_private_key = <%[1]s/crypt.key
  mail_crypt_global_public_key = <%[1]s/crypt.pub
  mail_crypt_save_version = 2
}
`

const dovecotPassword = "bench"

// dovecotVersion is the version whose configuration language this speaks.
const dovecotVersion = "2.3."

// startDovecot starts Dovecot inside a group, for LMTP and IMAP. more is added to
// its configuration.
func startDovecot(ctx context.Context, s *site, g *group, name, more string) (*peer, error) {
	dir, err := s.folder(name)
	if err != nil {
		return nil, err
	}
	ports, err := s.configureDovecot(dir, more)
	if err != nil {
		return nil, fmt.Errorf("configure Dovecot: %w", err)
	}
	p := &peer{
		name: name, group: g, imap: loopback(ports[0]),
		in:       target{addr: loopback(ports[1]), lmtp: true},
		folders:  []string{filepath.Join(dir, "home")},
		password: func(string) string { return dovecotPassword },
		wipe:     func() error { return wipeMaildirs(dir) },
	}
	return p, s.serveDovecot(ctx, p)
}

// serveDovecot starts what is configured, in the group of the peer.
func (s *site) serveDovecot(ctx context.Context, p *peer) error {
	config := filepath.Join(s.dir, p.name, "dovecot.conf")
	if err := p.group.start(exec.Command("dovecot", "-F", "-c", config), os.Stderr); err != nil {
		return err
	}
	return awaitBanner(ctx, p.in.addr, "220")
}

// configureDovecot writes the configuration and returns the ports of IMAPS and LMTP.
func (s *site) configureDovecot(dir, more string) ([]int, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf(dovecotConfig, dir, s.cert, s.key, ports[0], ports[1]) + more
	home, err := s.folder(filepath.Base(dir), "home")
	if err != nil {
		return nil, err
	}
	_, err = s.write(text, filepath.Base(dir), "dovecot.conf")
	return ports, errors.Join(err, os.Chmod(home, 0o777))
}

// configureCrypt makes the keys of a Dovecot of that name, and what to add to its
// configuration.
func (s *site) configureCrypt(name string) (string, error) {
	dir, err := s.folder(name)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(dovecotCrypt, dir), makeCryptKeys(dir)
}

// makeCryptKeys makes mail_crypt's pair, on the curve that Dovecot's manual shows.
func makeCryptKeys(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	// Dovecot's mail processes run as another user and read both.
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "crypt.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o644),
		os.WriteFile(filepath.Join(dir, "crypt.pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644))
}

// loadMaildirs are the folders new mail of the load arrives in.
func loadMaildirs(dir string) []string {
	var folders []string
	for i := range mailboxes {
		folders = append(folders, filepath.Join(dir, "home", fmt.Sprintf("u%02d", i), "Maildir", "new"))
	}
	return folders
}

// wipeMaildirs removes the homes of the load, so that each cell begins empty.
func wipeMaildirs(dir string) error {
	homes, err := filepath.Glob(filepath.Join(dir, "home", "u[0-9][0-9]"))
	if err != nil {
		return err
	}
	var errs []error
	for _, home := range homes {
		errs = append(errs, os.RemoveAll(home))
	}
	return errors.Join(errs...)
}

// awaitMaildirs waits until n files stand in the folders. To look costs CPU that
// the server could use, so it looks rarely while much is missing.
func awaitMaildirs(ctx context.Context, folders []string, n int) error {
	before, looked := 0, time.Now()
	for {
		found, err := countEntries(folders)
		if err != nil || found >= n {
			return err
		}
		now := time.Now()
		pause(ctx, untilNextLook(n-found, found-before, now.Sub(looked)))
		before, looked = found, now
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d mails arrived: %w", found, n, ctx.Err())
		}
	}
}

// untilNextLook is half the time that what is missing will take, if arrived came
// in the last span.
func untilNextLook(missing, arrived int, span time.Duration) time.Duration {
	const soonest, latest = 2 * time.Millisecond, 100 * time.Millisecond
	if arrived <= 0 {
		return 10 * soonest
	}
	return min(max(span*time.Duration(missing)/time.Duration(2*arrived), soonest), latest)
}

func countEntries(folders []string) (int, error) {
	found := 0
	for _, folder := range folders {
		names, err := entryNames(folder)
		if err != nil {
			return 0, err
		}
		found += len(names)
	}
	return found, nil
}

// entryNames lists a folder without asking about each file; none if it is not there.
func entryNames(folder string) ([]string, error) {
	dir, err := os.Open(folder)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}

// command runs a program to its end; what it said becomes part of the error.
func command(ctx context.Context, name string, args ...string) error {
	_, err := output(ctx, name, args...)
	return err
}

// output is what a program wrote to its standard output.
func output(ctx context.Context, name string, args ...string) (string, error) {
	var said, complained strings.Builder
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &said, &complained
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(name), err, lastLine(complained.String()))
	}
	return strings.TrimSpace(said.String()), nil
}

func lastLine(text string) string {
	var last string
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			last = line
		}
	}
	return last
}
