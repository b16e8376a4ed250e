package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"sealpost/webmail/api/client/files/mirror"
)

type fileSyncCommand struct {
	fileProfile
	Dir            string `arg:"" type:"existingdir" help:"A folder of this device."`
	Path           string `arg:"" help:"A folder of the drive; it is made if it is not there."`
	Once           bool   `help:"Make both alike and end; without it both are watched until you stop it."`
	DryRun         bool   `help:"Only say what would be done."`
	AllowDeletions bool   `help:"Delete though it is more than half of all files."`
	Ignore         string `type:"existingfile" placeholder:"FILE" help:"What is not carried: lines such as *.tmp, build/, /notes/*.log, !keep.tmp."`
	Hidden         bool   `help:"Write names from the drive that begin with a dot as they are (they may set up programs); without it .name comes as _.name."`
	Host           string `placeholder:"NAME" help:"This device in the names of conflicts (default: its hostname)."`
	Cache          string `placeholder:"DIR" type:"path" help:"Where large files wait that are sealed (default: sealpost in your cache folder)."`
	Verbose        bool   `short:"v" help:"Say each file."`
}

func (cmd fileSyncCommand) Help() string {
	return "Changes go both ways. Where both sides wrote one file, the drive's keeps the name, and the other stands beside it as \"name (conflict DATE HOST)\". " +
		"What was deleted on one side goes into the trash of the other: the drive's, or .sealpost-trash in DIR, for 30 days. " +
		"Links and devices are left out. It may be stopped at any time and goes on. Exit codes: 0 both are alike, 1 something could not be carried, " +
		"3 deletions were held back (--allow-deletions)."
}

func (cmd fileSyncCommand) Run(ctx context.Context, c console) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	m, out, err := cmd.mirror(c)
	if err != nil {
		return err
	}
	s, err := m.Open(ctx)
	if err != nil {
		return err
	}
	if cmd.Once || cmd.DryRun {
		r, err := s.Once(ctx)
		return out.end(r, errors.Join(err, s.Close()))
	}
	err = s.Watch(ctx, func(r mirror.Report, err error) {
		if r.Did() || err != nil || len(r.Failed) > 0 || r.Held > 0 {
			if err := out.end(r, err); err != nil {
				out.say("sealpost: " + err.Error())
			}
		}
	})
	if err := s.Close(); err != nil {
		return err
	}
	if ctx.Err() != nil { // somebody stopped it: that is how it ends
		return nil
	}
	return err
}

func (cmd fileSyncCommand) mirror(c console) (m mirror.Mirror, out *mirrorOutput, err error) {
	m, out, err = cmd.fileProfile.mirror(c, cmd.Dir, cmd.Path, cmd.Cache)
	if err != nil {
		return m, out, err
	}
	out.each = cmd.Verbose || cmd.DryRun
	m.Deletions, m.Hidden, m.Dry = cmd.AllowDeletions, cmd.Hidden, cmd.DryRun
	if cmd.Host != "" {
		m.Host = mirror.Host(cmd.Host)
	}
	if cmd.Ignore != "" {
		if m.Ignore, err = mirror.ReadIgnore(cmd.Ignore); err != nil {
			return m, out, fmt.Errorf("%s: %w", cmd.Ignore, err)
		}
	}
	return m, out, nil
}

// syncOf is where it stands what folders of this device and of the drive agreed on.
func syncOf(profile string) string { return profile + ".sync" }

// mirror joins a folder of this device and one of the drive.
func (p fileProfile) mirror(c console, dir, path, cache string) (m mirror.Mirror, out *mirrorOutput, err error) {
	file, err := p.file()
	if err != nil {
		return m, nil, err
	}
	if file, err = filepath.Abs(file); err != nil {
		return m, nil, err
	}
	if cache, err = cacheOr(cache); err != nil {
		return m, nil, err
	}
	d, err := p.drive()
	if err != nil {
		return m, nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return m, nil, err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return m, nil, err
	}
	sum := sha256.Sum256([]byte(dir + "\x00" + strings.Trim(path, "/")))
	host, _ := os.Hostname()
	out = &mirrorOutput{c: c, bar: newBar(c)}
	return mirror.Mirror{
		Drive: d, Dir: dir, Path: path, State: filepath.Join(syncOf(file), hex.EncodeToString(sum[:8])), Cache: cache, Host: mirror.Host(host),
		Skip: []string{file, seenOf(file), syncOf(file), cache}, Tell: out.tell, Say: out.did,
	}, out, nil
}

// mirrorOutput shows how a mirror gets on.
type mirrorOutput struct {
	c    console
	each bool // thing that is done is said

	mu    sync.Mutex
	bar   *bar
	shown time.Time
}

func (o *mirrorOutput) tell(p mirror.Progress) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if now := time.Now(); now.Sub(o.shown) > 100*time.Millisecond {
		o.shown = now
		if p.All == 0 {
			o.bar.show(step{What: "files", Done: int64(p.Done), Of: int64(p.Of)})
			return
		}
		o.bar.show(step{What: fmt.Sprintf("%d of %s", p.Done, counting(int64(p.Of), "file")), Done: p.Bytes, Of: p.All})
	}
}

func (o *mirrorOutput) did(d mirror.Deed) {
	if o.each {
		o.say(d.What + "\t" + d.Path)
	}
}

func (o *mirrorOutput) say(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.bar.clear()
	fmt.Fprintln(o.c.Out, line)
}

// end says what a call came to, and how the command ends.
func (o *mirrorOutput) end(r mirror.Report, err error) error {
	o.bar.clear()
	for _, n := range r.LeftOut {
		o.say("left out\t" + n.Path + ": " + n.Why)
	}
	var said []string
	for _, part := range []struct {
		n    int
		what string
	}{{r.Sent, "sent"}, {r.Fetched, "fetched"}, {r.Moved, "moved"}, {r.Trashed, "into the trash"}, {r.Conflicts, "kept beside"}, {len(r.LeftOut), "left out"}} {
		if part.n > 0 {
			said = append(said, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	if len(said) == 0 {
		said = []string{"nothing to do"}
	}
	if r.Bytes > 0 {
		said = append(said, readable(r.Bytes))
	}
	o.say(strings.Join(said, ", "))
	var failed []error
	for i, n := range r.Failed {
		if i == mostSaid {
			failed = append(failed, fmt.Errorf("and %d more", len(r.Failed)-i))
			break
		}
		failed = append(failed, fmt.Errorf("%s: %s", n.Path, n.Why))
	}
	if err = errors.Join(append(failed, err)...); err != nil {
		return err
	}
	if r.Held > 0 {
		return ended{exitHeld, fmt.Errorf("%s would be deleted, more than half of all: nothing was (--allow-deletions does it)", counting(int64(r.Held), "file"))}
	}
	return nil
}

// once does all that there is to do, and ends.
func (o *mirrorOutput) once(ctx context.Context, m mirror.Mirror) error {
	s, err := m.Open(ctx)
	if err != nil {
		return err
	}
	r, err := s.Once(ctx)
	return o.end(r, errors.Join(err, s.Close()))
}

const mostSaid = 20

// ended is how a command ends that has a code of its own for it.
type ended struct {
	code int
	error
}

func (e ended) Unwrap() error { return e.error }
