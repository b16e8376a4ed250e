package test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// onTheWay is how many mails may be stored twice for each kill: those that the
// command has sent and has not yet heard to be durable.
const onTheWay = 128

// An archive is mails to move, and the flags of the command that say where they lie.
type archive struct {
	name string
	lay  func(t *testing.T, mails []string) (flags, env []string)
}

var archives = []archive{
	{"mbox", func(t *testing.T, mails []string) ([]string, []string) {
		var all strings.Builder
		for _, m := range mails {
			fmt.Fprintf(&all, "From x@y.test Mon Jan  2 15:04:05 2006\n%s\n", strings.ReplaceAll(m, "\r\n", "\n"))
		}
		return []string{"--mailbox", "INBOX", "--mbox", write(t, t.TempDir(), "x.mbox", []byte(all.String()))}, nil
	}},
	{"Maildir", func(t *testing.T, mails []string) ([]string, []string) {
		dir := t.TempDir()
		layMaildir(t, dir, mails)
		return []string{"--maildir", dir}, nil
	}},
	{"IMAP", func(t *testing.T, mails []string) ([]string, []string) {
		d := startDovecot(t)
		home := d.home("slash")
		layMaildir(t, filepath.Join(home, "Maildir"), mails)
		give(t, home, "mail")
		return []string{"--imap", d.at(d.imapTLS), "--user", "slash", "--password-file", d.file("password")}, []string{d.trusting()}
	}},
}

func layMaildir(t *testing.T, dir string, mails []string) {
	t.Helper()
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range mails {
		write(t, filepath.Join(dir, "cur"), fmt.Sprintf("%d.%d.x:2,S", 1_000_000_000+i, i), []byte(m))
	}
}

// give makes a user the owner of a folder and all in it.
func give(t *testing.T, dir, name string) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, uid, -1))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Twice the command is shot while mail flows, then the server. In the end nothing
// is missing, and no more is there twice than was on the way.
func TestMovingKilled(t *testing.T) {
	t.Parallel()
	d := startDemo(t) // with the race detector: slow enough to be shot in the middle
	const n = 1500    // enough to be under way while this process waits for its turn
	var mails []string
	for i := range n {
		mails = append(mails, fmt.Sprintf("Subject: x\r\n\r\nmail %d\r\n%s", i, strings.Repeat("words and words\r\n", i%10)))
	}
	for _, a := range archives {
		t.Run(a.name, func(t *testing.T) {
			p := d.newcomer(t, "killed-"+strings.ToLower(a.name))
			flags, env := a.lay(t, mails)
			journal := filepath.Join(t.TempDir(), "journal")
			command := func() *exec.Cmd {
				cmd := d.mover(t, p, journal, flags...)
				cmd.Env = append(cmd.Env, env...)
				return cmd
			}
			for _, at := range []int{50, 200} {
				cmd := command()
				flowing(t, cmd, journal, at)
				cmd.Process.Kill()
				if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
					t.Fatalf("the command was done before it was shot: %v", err)
				}
			}
			cmd := command()
			flowing(t, cmd, journal, 350)
			d.kill()
			err := cmd.Wait()
			if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("the server was shot, and the command says %v", err)
			}
			d.start(t)
			out := moves(t, command())
			if strings.HasPrefix(out, fmt.Sprintf("%d messages ", n)) {
				t.Errorf("the last run began from the beginning: %s", out)
			}
			checkMoved(t, d, p, mails, 3*onTheWay)
		})
	}
}

// flowing starts the command and waits until some mails more are noted.
func flowing(t *testing.T, cmd *exec.Cmd, journal string, lines int) {
	t.Helper()
	cmd.Stderr = new(bytes.Buffer)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for noted := 0; noted < lines; {
		text, _ := os.ReadFile(journal)
		noted = bytes.Count(text, []byte("\n"))
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			cmd.Wait()
			t.Fatalf("%d mails are noted after a minute, want %d: %s", noted, lines, cmd.Stderr)
		}
	}
}

// checkMoved counts each mail.
func checkMoved(t *testing.T, d *demo, p person, mails []string, most int) {
	t.Helper()
	count := map[string]int{}
	for _, m := range d.has(t, p)["INBOX"] {
		count[m.mail]++
	}
	lost, twice := 0, 0
	for _, m := range mails {
		if count[m] == 0 {
			lost++
		}
		twice += max(0, count[m]-1)
		delete(count, m)
	}
	if lost > 0 || len(count) > 0 {
		t.Errorf("%d of %d mails are lost, and %d are there that nobody sent", lost, len(mails), len(count))
	}
	if twice > most {
		t.Errorf("%d mails came twice, %d may", twice, most)
	}
	t.Logf("%d of %d mails came twice", twice, len(mails))
}
