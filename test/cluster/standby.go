package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"
)

func (c *cluster) standbyFolder() string { return filepath.Join(c.rows.Folder(), "standby") }

// startStandby has the primary's commits wait for a second server, by the scripts of dist/cluster.
func (c *cluster) startStandby(ctx context.Context) error {
	password := filepath.Join(c.rows.Folder(), "replication.password")
	if err := os.WriteFile(password, []byte("not asked for on a socket\n"), 0o644); err != nil {
		return err
	}
	first, err := c.asPostgres("sh", c.script("first.sh"))
	if err != nil {
		return err
	}
	first.Env = append(first.Env, "PGHOST="+c.rows.Folder(), "PGUSER=postgres", "PGDATA="+filepath.Join(c.rows.Folder(), "data"), "REPLICATION_PASSWORD_FILE="+password)
	if text, err := first.CombinedOutput(); err != nil {
		return fmt.Errorf("first.sh: %w\n%s", err, text)
	}
	c.second = c.process("standby", syscall.SIGQUIT, c.following, func() (*exec.Cmd, error) {
		cmd, err := c.asPostgres("sh", c.script("standby.sh"), "-k", c.standbyFolder(), "-c", "listen_addresses=", "-c", "max_connections=200")
		if err == nil {
			cmd.Env = append(cmd.Env, "PRIMARY="+c.rows.Folder(), "PGDATA="+c.standbyFolder(), "REPLICATION_PASSWORD_FILE="+password)
		}
		return cmd, err
	})
	return c.second.start(ctx)
}

func (c *cluster) script(name string) string {
	path, err := filepath.Abs(filepath.Join(c.repo, "dist/cluster/postgres", name))
	if err != nil {
		return err.Error()
	}
	return path
}

// asPostgres is a command of the user that PostgreSQL runs as, with its programs.
func (c *cluster) asPostgres(args ...string) (*exec.Cmd, error) {
	server, err := c.rows.Server()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr, cmd.Dir = server.SysProcAttr, server.Dir
	cmd.Env = append(server.Env, "PATH="+filepath.Dir(server.Path)+":/usr/bin:/bin")
	return cmd, nil
}

// following says whether commits wait for the standby.
func (c *cluster) following(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.rows.URL("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var n int
	if err := conn.QueryRow(ctx, "select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')").Scan(&n); err != nil || n == 1 {
		return err
	}
	return fmt.Errorf("%d synchronous standbys", n)
}

// promote makes the standby the primary, which waits for no other.
func (c *cluster) promote(ctx context.Context) error {
	cmd, err := c.asPostgres("sh", "-c", `exec pg_ctl promote --wait --pgdata "$0"`, c.standbyFolder())
	if err != nil {
		return err
	}
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("promote: %w\n%s", err, text)
	}
	conn, err := pgx.Connect(ctx, fmt.Sprintf("host=%s user=postgres dbname=postgres", c.standbyFolder()))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, sql := range []string{"alter system reset synchronous_standby_names", "select pg_reload_conf()"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}
