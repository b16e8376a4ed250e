package test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// canaryArchives lays the canary mails out for each way to move them.
func canaryArchives(t *testing.T) (flags [][]string, env []string) {
	t.Helper()
	var mails []string
	for _, m := range canaryMails() {
		mails = append(mails, string(m))
	}
	for _, a := range archives {
		f, e := a.lay(t, mails)
		flags, env = append(flags, f), append(env, e...)
	}
	return flags, env
}

// F01 over moving in: no file of the server, no journal, no temp file and nothing
// that is said holds a word of the mail, not when all goes well, not after both
// ends were shot, and not in what an export without the key writes.
func TestF01MovingLeavesNothing(t *testing.T) {
	t.Parallel()
	tmp, work := t.TempDir(), t.TempDir()
	d := startDemo(t, withEnv("TMPDIR="+tmp))
	p := d.newcomer(t, "canary")
	flags, env := canaryArchives(t)
	var said bytes.Buffer
	command := func(journal string, source []string) *exec.Cmd {
		cmd := d.mover(t, p, filepath.Join(work, journal), source...)
		cmd.Env, cmd.Dir = append(append(cmd.Env, env...), "TMPDIR="+tmp), work
		cmd.Stdout, cmd.Stderr = &said, &said
		return cmd
	}
	for _, source := range flags {
		if err := command("whole", source).Run(); err != nil {
			t.Fatalf("import: %v\n%s", err, said.String())
		}
	}
	d.run(t, nil, "export", p.Address, "--to", filepath.Join(work, "sealed"), "--config", d.Config)
	if _, err := d.try(nil, "import", p.Address, "--config", d.Config, "--journal", filepath.Join(work, "full"), flags[0][2], "/nowhere"); err == nil {
		t.Error("an import of nothing succeeds")
	}
	// Large mails are in the spool's files when both are shot.
	many := []string{}
	for range 12 {
		many = append(many, string(canaryMails()[6]))
	}
	dir := t.TempDir()
	layMaildir(t, dir, many)
	cut := command("cut", []string{"--maildir", dir})
	if err := cut.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); d.spooled() < 1<<20; {
		if time.Now().After(deadline) {
			t.Fatal("no large mail went to a file within a minute")
		}
	}
	d.kill()
	cut.Process.Kill()
	cut.Wait()
	scan(t, d.data(), tmp, work)
	d.start(t)
	d.stop(t)
	if n := scan(t, d.data(), tmp, work); n < 1<<20 {
		t.Errorf("only %d bytes were looked at: the mail is not where the test looks", n)
	}
	if strings.Contains(said.String()+d.log.String(), canary) {
		t.Error("F01: what is said holds the canary")
	}
}

// spooled is how many octets the server has in files without a name.
func (d *demo) spooled() (n int64) {
	open, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", d.cmd.Process.Pid))
	for _, name := range open {
		if at, err := os.Readlink(name); err == nil && strings.HasPrefix(at, d.data()) && strings.HasSuffix(at, " (deleted)") {
			if info, err := os.Stat(name); err == nil {
				n += info.Size()
			}
		}
	}
	return n
}

// F02 over moving in: neither the server nor the command hands the word to any
// system call that writes, but the command to the server at its control socket.
func TestF02MovingWritesNothing(t *testing.T) {
	t.Parallel()
	need(t, "strace")
	bin, err := plainBinary()
	if err != nil {
		t.Fatal(err)
	}
	traces := t.TempDir()
	watch := func(name string) []string {
		return []string{"strace", "-f", "-qq", "-yy", "-xx", "-s", "8388608", "-o", filepath.Join(traces, name),
			"-e", "trace=write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg"}
	}
	d := startDemo(t, withBinary(bin), under(watch("server")...))
	p := d.newcomer(t, "traced")
	flags, env := canaryArchives(t)
	for i, source := range flags {
		cmd := d.mover(t, p, filepath.Join(t.TempDir(), "journal"), source...)
		traced := exec.Command("strace", append(watch(fmt.Sprint("command", i))[1:], cmd.Args...)...)
		traced.Env, traced.Dir = append(cmd.Env, env...), cmd.Dir
		moves(t, traced)
	}
	d.stop(t)
	// Nobody runs: the command is the server, and has no socket to excuse it.
	cmd := d.mover(t, p, filepath.Join(t.TempDir(), "journal"), flags[0]...)
	alone := exec.Command("strace", append(watch("alone")[1:], cmd.Args...)...)
	alone.Env, alone.Dir = cmd.Env, cmd.Dir
	moves(t, alone)
	talked := 0
	for _, name := range []string{"server", "alone", "command0", "command1", "command2"} {
		trace := filepath.Join(traces, name)
		if strings.HasPrefix(name, "command") {
			trace, talked = withoutControl(t, trace, d.data())
			if talked < 1<<20 {
				t.Errorf("%s sent %d octets to the control socket: the test does not see it", name, talked)
			}
		}
		written := filepath.Join(t.TempDir(), "written")
		if err := os.Mkdir(written, 0o700); err != nil {
			t.Fatal(err)
		}
		if n := replay(t, trace, written); n < 500 {
			t.Errorf("the trace of %s holds %d written bytes only", name, n)
		}
		scan(t, written)
	}
}

var unixSocket = regexp.MustCompile(`^\d+\s+write\(\d+<UNIX-STREAM:\[\d+->\d+\]>, "`)

// withoutControl copies a trace but for what was written to a connected Unix
// socket, and says how many octets that were.
func withoutControl(t *testing.T, trace, data string) (kept string, talked int) {
	t.Helper()
	in, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(trace + ".rest")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for r := bufio.NewReaderSize(in, 1<<20); ; {
		line, err := r.ReadString('\n')
		if unixSocket.MatchString(line) {
			talked += len(line) / 4
		} else if _, err := out.WriteString(line); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			return out.Name(), talked
		}
	}
}
