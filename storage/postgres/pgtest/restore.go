package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Archived is a cluster that keeps its WAL, so that it can be put back to a moment.
type Archived struct{ *Cluster }

// StartArchived starts one of the test's own.
func StartArchived(t testing.TB) Archived {
	t.Helper()
	c := start(t, "archive_mode=on", "archive_command=mkdir -p ../archive && cp %p ../archive/.%f && mv ../archive/.%f ../archive/%f")
	t.Cleanup(c.remove)
	return Archived{c}
}

func (a Archived) base() string    { return filepath.Join(a.folder, "base") }
func (a Archived) archive() string { return filepath.Join(a.folder, "archive") }

// Backup takes a base backup while the cluster is at work.
func (a Archived) Backup(t testing.TB) {
	t.Helper()
	var said bytes.Buffer
	cmd, err := a.command("postgres") // beside which the other programs are
	if err == nil {
		cmd.Path, err = filepath.EvalSymlinks(cmd.Path)
	}
	if err == nil {
		cmd.Path = filepath.Join(filepath.Dir(cmd.Path), "pg_basebackup")
		cmd.Args = []string{cmd.Path, "-h", a.folder, "-U", "postgres", "-D", a.base(), "--checkpoint=fast", "--no-sync"}
		cmd.Stdout, cmd.Stderr = &said, &said
		err = cmd.Run()
	}
	if err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, said.String())
	}
}

// Moment is the time of the server, to put it back to.
func (a Archived) Moment(t testing.TB) (at time.Time) {
	t.Helper()
	a.ask(t, `select clock_timestamp()`, &at)
	return at
}

// Lose archives what was written, and ends the cluster: what is left of it are the base backup
// and the archive.
func (a Archived) Lose(t testing.TB) {
	t.Helper()
	var last string
	a.ask(t, `select pg_walfile_name(pg_switch_wal())`, &last)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(a.archive(), last)); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s was not archived", last)
		}
	}
	a.Kill()
	if err := os.RemoveAll(a.data()); err != nil {
		t.Fatal(err)
	}
}

// Restore starts a cluster from the base backup, with the archive up to a moment (PostgreSQL's
// manual, section 26.3.5).
func (a Archived) Restore(t testing.TB, at time.Time) *Cluster {
	t.Helper()
	folder, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{folder: folder, bin: a.bin, Settings: []string{
		fmt.Sprintf("restore_command=cp %s/%%f %%p", a.archive()),
		"recovery_target_time=" + at.UTC().Format("2006-01-02 15:04:05.999999+00"), "recovery_target_action=promote",
	}}
	t.Cleanup(c.remove)
	err = errors.Join(c.give(), os.Rename(a.base(), c.data()))
	if err == nil {
		err = os.WriteFile(filepath.Join(c.data(), "recovery.signal"), nil, 0o644)
	}
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		c.Kill() // it writes its log
		t.Fatalf("start the restored cluster: %v\n%s", err, c.log.String())
	}
	for recovering, deadline := true, time.Now().Add(time.Minute); recovering; time.Sleep(20 * time.Millisecond) {
		c.ask(t, `select pg_is_in_recovery()`, &recovering)
		if time.Now().After(deadline) {
			t.Fatal("it is still recovering")
		}
	}
	return c
}

// ask reads one value.
func (c *Cluster) ask(t testing.TB, sql string, into any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.url("postgres"))
	if err == nil {
		defer conn.Close(t.Context())
		err = conn.QueryRow(t.Context(), sql).Scan(into)
	}
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
