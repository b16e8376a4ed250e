package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// A relocation is one run of sealpost migrate.
type relocation struct {
	what            string
	accounts, mails int
	took            time.Duration
}

// moveAccounts fills a server on its folder and moves what it has into a database of its own, and
// from there into another folder.
func (r *record) moveAccounts(ctx context.Context, s *site, e *engines, _ *peer, _ []*peer) error {
	if exec.CommandContext(ctx, s.sealpost, "migrate", "--help").Run() != nil {
		r.say("this sealpost has no migrate")
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if _, err := e.asker.Exec(ctx, "create database moved"); err != nil {
		return err
	}
	from, err := startSealpost(ctx, s, "move-from", settings{profile: "compat", people: users()[:mailboxes]})
	if err != nil {
		return err
	}
	mails, err := newMailbag(cell{size: 4 << 10, conns: 50, boxes: mailboxes}, -3).take(r.plan.cluster.moved)
	if err == nil {
		_, err = from.in.send(ctx, 50, mails)
	}
	if stopped := from.stop(ctx); err == nil {
		err = stopped
	}
	if err != nil {
		return err
	}
	more, err := e.settings(s, "moved", way{database: e.rows.URL("moved")})
	if err != nil {
		return err
	}
	for _, to := range []struct{ what, name, from, more string }{
		{"one machine to a cluster", "move-to", "move-from", more},
		{"a cluster to one machine", "move-back", "move-to", ""},
	} {
		if err := s.destination(to.name, to.more, from); err != nil {
			return err
		}
		start := time.Now()
		if err := command(ctx, s.sealpost, "migrate", "--config", filepath.Join(s.dir, to.from, "sealpost.toml"), "--to", filepath.Join(s.dir, to.name, "sealpost.toml")); err != nil {
			return fmt.Errorf("%s: %w", to.what, err)
		}
		m := relocation{to.what, mailboxes, len(mails), time.Since(start)}
		r.cluster.moves = append(r.cluster.moves, m)
		r.say("%s: %s accounts/s, %s mails/s", m.what, significant(perSecond(m.accounts, m.took)), significant(perSecond(m.mails, m.took)))
	}
	return nil
}

// destination has settings of a sealpost that has never run, with the node key of another.
func (s *site) destination(name, more string, first *peer) error {
	if _, err := s.folder(name); err != nil {
		return err
	}
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	if _, err := s.write(fmt.Sprintf(sealpostConfig, s.cert, s.key, loopback(ports[0]), loopback(ports[1]), loopback(ports[2]), false, 25, s.zone.addr, "", more), name, "sealpost.toml"); err != nil {
		return err
	}
	return s.copyKey(nodeKey, first, &peer{name: name})
}
