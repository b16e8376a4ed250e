package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// standbyName is what a standby calls itself to its primary.
const standbyName = "standby"

// Standby starts a copy of a cluster that is at work, which follows it. From then on each commit of c waits
// until the copy has it on its disk. Whoever made it calls Remove.
func (c *Cluster) Standby(ctx context.Context) (*Cluster, error) {
	folder, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, err
	}
	s := &Cluster{folder: folder, bin: c.bin}
	if err := errors.Join(s.give(), s.follow(c)); err != nil {
		s.remove()
		return nil, fmt.Errorf("make a standby: %w\n%s", err, s.log.String())
	}
	if err := errors.Join(s.Start(), c.wait(ctx)); err != nil {
		s.remove()
		return nil, fmt.Errorf("start a standby: %w\n%s", err, s.log.String())
	}
	return s, nil
}

// follow copies the data of another cluster, and the setting from where to go on.
func (c *Cluster) follow(primary *Cluster) error {
	copying, err := c.command("pg_basebackup", "-h", primary.folder, "-U", "postgres", "-D", c.data(), "-R", "-c", "fast", "--no-sync")
	if err != nil {
		return err
	}
	if err := copying.Run(); err != nil {
		return err
	}
	c.Settings = []string{"primary_conninfo=host=" + primary.folder + " user=postgres application_name=" + standbyName}
	return nil
}

// wait has commits wait for the standby, when it has caught up.
func (c *Cluster) wait(ctx context.Context) error {
	for _, sql := range []string{"alter system set synchronous_standby_names = '" + standbyName + "'", "select pg_reload_conf()"} {
		if err := c.Do(ctx, "postgres", sql); err != nil {
			return err
		}
	}
	const synchronous = `do $$ begin if not exists (select from pg_stat_replication where application_name = '` + standbyName +
		`' and sync_state = 'sync') then raise exception 'not yet'; end if; end $$`
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if err = c.Do(ctx, "postgres", synchronous); err == nil {
			return nil
		}
	}
	return err
}

// Promote makes a standby a primary, which waits for nobody: it was copied before its own primary was
// told to wait for it.
func (c *Cluster) Promote(ctx context.Context) error {
	return c.Do(ctx, "postgres", "select pg_promote(true, 30)")
}

// Socket is the file by which the server is reached.
func (c *Cluster) Socket() string { return filepath.Join(c.folder, ".s.PGSQL.5432") }
