package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"sealpost/cmd/sealpost/backup"
)

type backupCommand struct {
	settingsFile
	Dir  string `arg:"" type:"path" help:"Folder of the backup, best on another disk. Made when missing; a later backup only adds what is new."`
	Keep int    `placeholder:"N" help:"Keep the newest N snapshots and remove what only older ones need (default: keep all)."`

	Check bool `help:"Read what the backup has already, and copy anew what is damaged there."`
}

func (cmd backupCommand) Help() string {
	return "Takes a consistent snapshot, also while the server runs: every account, mailbox and sealed letter of one moment. " +
		"What it writes is as sealed as the store itself. Not in it, on purpose: the node key, DKIM keys and TLS keys " +
		"(keep /etc/sealpost apart from it), the keys of others that were pinned, and mail that waits to leave."
}

type wantedBackup struct {
	Dir   string
	Keep  int
	Check bool
}

func (cmd backupCommand) Run(ctx context.Context, c console) error {
	if cmd.Keep < 0 {
		return fmt.Errorf("--keep %d: expected 1 or more", cmd.Keep)
	}
	start := time.Now()
	r, err := watch[backup.Report](ctx, c, cmd.Config, "backup.make", wantedBackup{cmd.Dir, cmd.Keep, cmd.Check})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Snapshot %s in %s\n", r.Snapshot, cmd.Dir)
	fmt.Fprintf(c.Out, "  %d letters, of which %d (%s) are new; took %s\n", r.Blobs, r.Copied, readable(r.Bytes), time.Since(start).Round(10*time.Millisecond))
	if r.Mended > 0 {
		fmt.Fprintf(c.Out, "  %d of these were damaged in the backup\n", r.Mended)
	}
	if r.Pruned > 0 {
		fmt.Fprintf(c.Out, "  %s removed\n", counting(int64(r.Pruned), "older snapshot"))
	}
	if len(r.Damaged) > 0 {
		return fmt.Errorf("%s could not be copied: they are missing or damaged in the live store; `sealpost verify` says whose", counting(int64(len(r.Damaged)), "letter"))
	}
	return nil
}

func makeBackup(ctx context.Context, o *office, w wantedBackup, tell func(step)) (backup.Report, error) {
	if !filepath.IsAbs(w.Dir) {
		return backup.Report{}, fmt.Errorf("backup folder %q: expected an absolute path", w.Dir)
	}
	if o.folder == nil {
		return backup.Report{}, errClustered
	}
	if o.moving != nil {
		return backup.Report{}, errors.New("accounts are moving to another installation, and no backup has both: make one when they are there, or with the move taken back")
	}
	r, err := backup.Make(ctx, backup.Source{
		Index: o.folder.index,
		Blobs: o.folder.blobs,
		Files: map[string]string{
			"VERSION": filepath.Join(o.settings.Data, "VERSION"),
			"secret":  filepath.Join(o.settings.Data, "secret"),
		},
		Version: version(),
		Check:   w.Check,
		Now:     time.Now,
	}, w.Dir, w.Keep, steps(tell))
	return r, mayWrite(err, w.Dir)
}

// mayWrite adds to an error what lets the service write to a folder of its machine.
func mayWrite(err error, dir string) error {
	if !errors.Is(err, syscall.EROFS) && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("%w\nthe server's user must own %s; and where systemd runs the server, it may write to its data folder and /var/backups/sealpost only: "+
		"`systemctl edit sealpost`, add the lines [Service] and ReadWritePaths=%s, and restart it", err, dir, dir)
}

func steps(tell func(step)) backup.Tell {
	return func(what string, done, of int64) { tell(step{What: what, Done: done, Of: of}) }
}
