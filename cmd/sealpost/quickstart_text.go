package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"
)

// explain tells what was done, what the world says, and what is to be done next.
func (q *quickstart) explain(ctx context.Context, c console) error {
	seen := q.examine(ctx)
	l := style(c)
	var b strings.Builder
	fmt.Fprintf(&b, "\n%ssealpost for %s%s\n\n", l.heading, q.account.Address, l.end)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, d := range q.did {
		fmt.Fprintf(t, "  %s\t%s\t%s\n", d.what, d.where, d.how)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	b.WriteString(l.lines(q.signIn() + q.ownKeys()))
	printFindings(&b, l, in("What the world sees", seen...))
	p, err := newPlan(ctx, q.settings, q.address.Domain, addressesOf(ctx, q.settings.Hostname, q.world))
	if err != nil {
		return err
	}
	fmt.Fprintf(&b, "\n%sAdd these records%s to the zone of %s\n\n%s", l.heading, l.end, q.address.Domain, p.zone(q.now()))
	b.WriteString(l.lines(q.next()))
	_, err = fmt.Fprint(c.Out, b.String())
	return err
}

func (q *quickstart) signIn() string {
	if q.password == "" {
		return fmt.Sprintf("\n*Sign in* as %s with the app password of an earlier run, or make one:\n  $ %s password add %s --name NAME%s\n",
			q.account.Address, q.me(), q.account.Address, q.flag())
	}
	return fmt.Sprintf("\n*Sign in* as %s with this app password. It is not shown again.\n  %s\n", q.account.Address, q.password)
}

// ownKeys says where the secret key must go.
func (q *quickstart) ownKeys() string {
	if q.secret == "" && len(strayKeys(q.config)) == 0 {
		return fmt.Sprintf("\n*Mail is sealed* to this key, whose secret half never was here.\n  %s\n", spaced(q.account.Fingerprint))
	}
	folder := ownerFolder(q.dir)
	return fmt.Sprintf("\n*Move the secret key away.* It opens all mail of %s, and belongs on\nits owner's device alone. From there:\n"+
		"  $ scp -rp %s@%s:%s .\nand when the mail program reads mail with it, here:\n  $ shred -u %s/* && rmdir %s\n",
		q.account.Address, choose(q.service, "root", "you"), q.settings.Hostname, quoted(folder), quoted(folder), quoted(folder))
}

// flag names the configuration to commands, where it is not in its own place.
func (q *quickstart) flag() string {
	if q.service {
		return ""
	}
	return " --config " + quoted(q.relative(q.config))
}

// relative is a path as its reader would type it.
func (q *quickstart) relative(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if short, err := filepath.Rel(here, path); err == nil && len(short) < len(path) {
		return short
	}
	return path
}

// me is this program as it will be called from now on.
func (q *quickstart) me() string {
	if q.service {
		return "sealpost"
	}
	return quoted(ownName())
}

func (q *quickstart) next() string {
	me := q.me()
	text := "\n*Next*\n"
	switch {
	case q.service && !q.Start:
		text += "  $ systemctl enable --now sealpost\n"
	case !q.service && !q.Start:
		text += "  $ " + me + " serve" + q.flag() + "\n"
	}
	text += "  $ " + me + " dns check" + q.flag() + "\n  $ " + me + " doctor" + q.flag() + "\n"
	if !q.acme {
		text += "\nThe certificate is self-signed. When " + q.settings.Hostname + " leads here,\nset on = true under [acme] in " + q.config + " and start the server again.\n"
	}
	if q.Start && !q.service {
		text += "\nThe server runs here until Ctrl-C.\n"
	}
	return text + "\n"
}

// examine asks what decides whether mail will flow. Nothing here fails: what does
// not work yet is told.
func (q *quickstart) examine(ctx context.Context) []finding {
	check := dnsCheck{plan: plan{Domain: q.address.Domain, Host: q.settings.Hostname}, world: q.world}
	var all [6][]finding
	var asked sync.WaitGroup
	for _, look := range []func(){
		func() { all[0] = []finding{check.address(ctx).finding()} },
		func() {
			if l := check.reverse(ctx); l.Verdict != "" {
				all[1] = []finding{l.finding()}
			}
		},
		func() { all[2] = []finding{q.portOut(ctx, q.settings.Outbound.Smarthost)} },
		func() { all[3] = []finding{q.listed(ctx, q.settings)} },
		func() { all[4] = []finding{q.clock(ctx)} },
		func() { all[5] = []finding{processorFinding()} },
	} {
		asked.Go(look)
	}
	asked.Wait()
	var found []finding
	for _, a := range all {
		found = append(found, a...)
	}
	return found
}

func processorFinding() finding {
	if quickAES() {
		return finding{Name: "processor", State: well, Text: "encrypts by itself (AES)"}
	}
	return finding{Name: "processor", State: warn, Text: "has no AES of its own: sealing is slow"}
}
