package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"sealpost/config"
)

type reloadCommand struct {
	settingsFile
	JSON bool `name:"json" help:"Print it as JSON."`
}

func (cmd reloadCommand) Help() string {
	return "Domains, TLS certificate, DKIM keys, log.level and reports.send are taken up at once, and every connection stays " +
		"open. Says which other settings have changed: they hold after a restart. SIGHUP does the same and says it in the log."
}

func (cmd reloadCommand) Run(ctx context.Context, c console) error {
	v, err := ask[reloadView](ctx, cmd.Config, "server.reload", struct{}{})
	if err != nil {
		return err
	}
	if cmd.JSON {
		return errors.Join(printJSON(c.Out, v), v.failure())
	}
	return errors.Join(v.print(c.Out), v.failure())
}

// reloadView is what a reload did.
type reloadView struct {
	Read    []string `json:"read"`    // what was read again
	Applied []string `json:"applied"` // settings that had changed and hold now
	Restart []string `json:"restart"` // that have changed and hold after a restart
	Failed  []string `json:"failed"`  // why something stays as it was
}

func (v reloadView) failure() error {
	if len(v.Failed) == 0 {
		return nil
	}
	return errors.New(strings.Join(v.Failed, "\n"))
}

func (v reloadView) print(w io.Writer) error {
	if len(v.Read) == 0 && len(v.Failed) == 0 {
		_, err := fmt.Fprintln(w, "no server is running: what changed holds when it is started")
		return err
	}
	for _, line := range []struct {
		say  string
		what []string
	}{
		{"read again", v.Read},
		{"changed, and holds now", v.Applied},
		{"changed, and holds after a restart", v.Restart},
	} {
		if len(line.what) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s: %s\n", line.say, strings.Join(line.what, ", ")); err != nil {
			return err
		}
	}
	return nil
}

// reloadServer is the operation; without a server there is nothing to do.
func reloadServer(ctx context.Context, o *office, _ struct{}) (reloadView, error) {
	if o.readAgain == nil {
		return reloadView{Read: []string{}, Applied: []string{}, Restart: []string{}, Failed: []string{}}, nil
	}
	return o.readAgain(ctx), nil
}

// liveSettings are those that a running server takes up.
type liveSettings struct {
	mu    sync.Mutex
	held  config.Config  // what holds
	level *slog.LevelVar // of the log; nil: it cannot be changed
}

// reload reads again what may change while connections stay. What cannot be read
// stays as it was.
func (s *server) reload(ctx context.Context) reloadView {
	s.live.mu.Lock()
	defer s.live.mu.Unlock()
	v := reloadView{Read: []string{}, Applied: []string{}, Restart: []string{}, Failed: []string{}}
	v.note("settings", s.takeUp(&v))
	v.note("TLS certificate", s.identity.reload())
	v.note("DKIM keys", s.signers.reload(ctx))
	for _, f := range v.Failed {
		s.log.Error("a reload left something as it was", "error", f)
	}
	s.log.Info("reloaded", "read", v.Read, "applied", v.Applied, "after a restart", v.Restart)
	return v
}

func (v *reloadView) note(what string, err error) {
	if err != nil {
		v.Failed = append(v.Failed, fmt.Sprintf("%s: left as it was: %v", what, err))
		return
	}
	v.Read = append(v.Read, what)
}

// takeUp applies the settings that may change, and lists the others. Paths count
// from here on, whether what lies there can be read or not.
func (s *server) takeUp(v *reloadView) error {
	held := &s.live.held
	if held.File == "" {
		return nil // there is no file
	}
	fresh, err := config.Load(held.File)
	if err != nil {
		return err
	}
	apply := map[string]func(){
		"domains":         func() { held.Domains = fresh.Domains; s.book.SetDomains(fresh.Domains) },
		"tls.certificate": func() { held.TLS = fresh.TLS; s.identity.from(fresh.TLS) },
		"tls.key":         func() { held.TLS = fresh.TLS; s.identity.from(fresh.TLS) },
		"dkim.folder":     func() { held.DKIM = fresh.DKIM; s.signers.from(s.roomOf(*held).dkim) },
		"reports.send":    func() { held.Reports = fresh.Reports; s.reports.on.Store(fresh.Reports.Send) },
		"log.level":       func() { held.Log.Level = fresh.Log.Level; s.live.level.Set(logLevel(fresh.Log.Level)) },
	}
	if s.live.level == nil {
		delete(apply, "log.level")
	}
	if s.cluster != nil && onlyFor(held.S3.Rules, fresh.S3.Rules) {
		lists, err := placementLists(fresh.S3.Rules)
		if err != nil {
			return err
		}
		apply["s3.rule"] = func() { held.S3.Rules = fresh.S3.Rules; s.cluster.places.SetLists(lists) }
	}
	for _, key := range config.Changed(*held, fresh) {
		if do := apply[key]; do != nil {
			do()
			v.Applied = append(v.Applied, key)
		} else {
			v.Restart = append(v.Restart, key)
		}
	}
	slices.Sort(v.Applied)
	return nil
}
